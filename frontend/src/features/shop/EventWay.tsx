import { useTranslation } from "react-i18next";

import { useLocale } from "~/i18n";
import { cx } from "~/lib/cx";
import { formatMs, NONE } from "~/lib/format";
import { isAct } from "~/app/reasons";

import css from "./forYou.module.css";
import { type Journey, median, stagesOf } from "./journey";

/** What we aim at, from click to screen. */
const TARGET_MS = 100;
const GIVEN_UP_MS = 5000;
const STAGES = ["accepted", "logged", "vector", "visible"] as const;

/** The newest event's way, stage by stage, and how long the last ones took. */
export function EventWay({ journeys }: { journeys: readonly Journey[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const [newest] = journeys;
  const stages = newest ? stagesOf(newest) : [];
  const end = stages.at(-1)?.atMs ?? 0;
  const done = newest?.status === "done";
  const scale = Math.max(done ? end : Math.max(end, TARGET_MS), 1);

  return (
    <section className={css.way} aria-label={t("way.title")}>
      <div className={css.wayHead}>
        <div>
          <h3>{t("way.title")}</h3>
          <p className="muted clip">{newest && isAct(newest.actionType) ? `${t(`actNoun.${newest.actionType}`)} · ${newest.productName}` : t("way.idle")}</p>
        </div>
        {newest && (
          <span className={cx(css.wayTotal, "num")} role="status">
            {done ? formatMs(end, locale) : <span className="muted">{newest.status === "failed" ? t("way.failed") : newest.status === "unchanged" ? t("way.noChange", { ms: formatMs(GIVEN_UP_MS, locale) }) : t("way.running")}</span>}
            {done && <span className="sr-only"> {t("way.total")}</span>}
          </span>
        )}
      </div>
      <div className={css.track} aria-hidden="true">
        {stages.map((stage, at) => (
          <span key={stage.name} className={css.segment} data-at={at} style={{ left: `${((stage.atMs - stage.tookMs) / scale) * 100}%`, width: `${(stage.tookMs / scale) * 100}%` }} />
        ))}
      </div>
      <dl className={css.stages}>
        {STAGES.map((name) => {
          const stage = stages.find((reached) => reached.name === name);
          return (
            <div key={name} className={css.stage} data-reached={stage !== undefined} title={t(`way.${name}Hint`)}>
              <dt>{t(`way.${name}`)}</dt>
              <dd className="num">{stage ? formatMs(stage.atMs, locale) : NONE}</dd>
            </div>
          );
        })}
      </dl>
      <Past journeys={journeys} />
    </section>
  );
}

const BAR = { width: 6, gap: 3, height: 26 };

function Past({ journeys }: { journeys: readonly Journey[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const totals = journeys.filter((journey) => journey.status === "done").map((journey) => stagesOf(journey).at(-1)?.atMs ?? 0).reverse();
  if (totals.length < 2) return null;
  const top = Math.max(TARGET_MS * 1.25, ...totals);
  const y = (ms: number) => BAR.height - (ms / top) * BAR.height;
  const width = totals.length * (BAR.width + BAR.gap);
  return (
    <div className={css.past}>
      <svg width={width} height={BAR.height} aria-hidden="true">
        {totals.map((ms, at) => <rect key={at} x={at * (BAR.width + BAR.gap)} y={y(ms)} width={BAR.width} height={BAR.height - y(ms)} rx={1.5} fill={ms > TARGET_MS ? "var(--warn)" : "var(--accent)"} opacity={at === totals.length - 1 ? 1 : 0.55} />)}
        <line x1={0} x2={width} y1={y(TARGET_MS)} y2={y(TARGET_MS)} stroke="var(--text-3)" strokeDasharray="2 3" />
      </svg>
      <span className="num">{t("way.median")} {formatMs(median(totals), locale)} · {t("way.history", { count: totals.length })} · {t("way.target", { ms: formatMs(TARGET_MS, locale) })}</span>
    </div>
  );
}
