import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";

import { api, unwrap } from "~/api/client";
import { useLive } from "~/api/live";
import { notificationsQuery } from "~/api/queries";
import type { LiveStatus } from "~/api/types";
import { useLocale } from "~/i18n";
import { cx } from "~/lib/cx";
import { formatBytes, formatNumber, formatRate, formatUptime } from "~/lib/format";
import { IconButton } from "~/ui/Button";
import { Icon } from "~/ui/Icon";
import { Popover } from "~/ui/Popover";
import { Badge, Dot, type Tone } from "~/ui/States";

import css from "./app.module.css";
import { ALL_PAGES } from "./pages";
import { PreferencesMenu } from "./Preferences";
import { toastError } from "./problems";
import { useShopper } from "./shopper";

/** `intfloat/multilingual-e5-base` → `multilingual-e5-base`. */
const shortModel = (id: string) => id.split("/").at(-1) ?? id;

export function TopBar() {
  const { t } = useTranslation();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const page = ALL_PAGES.find((one) => one.to === path);
  const title = page ? t(`nav.${page.name}`) : "REP";
  const { last, state } = useLive();
  useEffect(() => {
    document.title = page ? `${title} · REP` : "REP";
  }, [page, title]);
  return (
    <header className={css.bar}>
      <p className={css.title}>{title}</p>
      <div className={css.facts}>
        {last && (
          <>
            <Fact name={t("bar.data")}>{last.mode === "embedded" ? t("bar.embedded") : last.mode === "cluster" ? t("bar.cluster") : last.mode}</Fact>
            <Fact name={t("bar.model")} hint={`${last.model.id}, ${t("bar.vector", { dimensions: last.model.dimensions })}`}>{shortModel(last.model.id)}</Fact>
            {last.simulator && <SimulatorFact simulator={last.simulator} />}
          </>
        )}
      </div>
      <div className={css.tools}>
        <Health last={last} lost={state === "lost"} />
        <Bell />
        <PreferencesMenu />
      </div>
    </header>
  );
}

function Fact({ name, hint, children }: { name: string; hint?: string; children: string }) {
  return (
    <div className={css.fact} title={hint}>
      <span>{name}</span>
      <b className="clip">{children}</b>
    </div>
  );
}

function SimulatorFact({ simulator }: { simulator: NonNullable<LiveStatus["simulator"]> }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const client = useQueryClient();
  const running = simulator.state === "running";
  const toggle = useMutation({
    mutationFn: async (): Promise<void> => {
      if (running) await unwrap(api.POST("/simulator/stop"));
      else await unwrap(api.POST("/simulator/start", { body: {} }));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ["simulator"] }),
    onError: (error) => toastError(error, t),
  });
  return (
    <div className={cx(css.fact, css.keep)}>
      <span>{t("bar.simulator")}</span>
      <Badge tone={running ? "good" : "plain"}><span className="num">{running ? t("bar.perSecond", { rate: formatRate(simulator.rate, locale) }) : t("bar.stopped")}</span></Badge>
      <IconButton icon={running ? "stop" : "play"} label={running ? t("bar.stop") : t("bar.start")} disabled={toggle.isPending} onClick={() => toggle.mutate()} />
    </div>
  );
}

const TONES: Record<string, Tone> = { ok: "good", degraded: "warn", down: "bad" };

function Health({ last, lost }: { last: LiveStatus | null; lost: boolean }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const status = lost ? "down" : (last?.health.status ?? "unknown");
  const word = status === "ok" ? t("bar.ok") : status === "degraded" ? t("bar.degraded") : status === "down" ? t("bar.down") : t("bar.connecting");
  return (
    <Popover
      label={t("bar.health")}
      className={css.healthList}
      trigger={(props) => (
        <button type="button" className={css.health} aria-label={`${t("bar.health")}: ${word}`} {...props}>
          <Dot tone={TONES[status] ?? "plain"} />
          <span>{word}</span>
        </button>
      )}
    >
      {() => (
        <>
          <h2>{t("bar.checks")}</h2>
          {lost && <p className={css.check}><Dot tone="bad" /><span>{t("error.unreachable")}</span><span className="muted">{t("error.unreachableHint")}</span></p>}
          <ul>
            {last?.health.checks.map((check) => (
              <li key={check.name} className={css.check} data-status={check.status}>
                <Dot tone={TONES[check.status] ?? "plain"} />
                <span>{check.name} · {check.status}</span>
                {check.detail && <span className="muted">{check.detail}</span>}
              </li>
            ))}
          </ul>
          {last && (
            <>
              <hr className={css.rule} />
              <dl className="num">
                <div className={css.kv}><dt>{t("bar.model")}</dt><dd>{shortModel(last.model.id)}</dd></div>
                <div className={css.kv}><dt>{t("bar.products")}</dt><dd>{t("common.ofTotal", { n: formatNumber(last.products.embedded, locale), total: formatNumber(last.products.total, locale) })}</dd></div>
                <div className={css.kv}><dt>{t("bar.memory")}</dt><dd>{formatBytes(last.process.rssBytes, locale)}</dd></div>
                <div className={css.kv}><dt>{t("bar.uptime")}</dt><dd>{formatUptime(last.process.uptimeS)}</dd></div>
              </dl>
            </>
          )}
        </>
      )}
    </Popover>
  );
}

function Bell() {
  const { t } = useTranslation();
  const userId = useShopper();
  const { data } = useQuery(notificationsQuery(userId));
  const unread = data?.unread ?? 0;
  const label = t("bar.bell", { count: unread });
  return (
    <Link to="/notifications" className={cx(css.health, css.bell)} aria-label={label} title={label}>
      <Icon name="bell" size={18} />
      {unread > 0 && <span className={css.unread} aria-hidden="true">{unread > 99 ? "99+" : unread}</span>}
    </Link>
  );
}
