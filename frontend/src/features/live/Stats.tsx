import { useTranslation } from "react-i18next";

import type { LiveStatus } from "~/api/types";
import { Sparkline } from "~/charts/Sparkline";
import { useLocale } from "~/i18n";
import { cx } from "~/lib/cx";
import { formatCompact, formatMs, formatNumber, formatRate } from "~/lib/format";

import css from "./live.module.css";
import { percentile, totalLag } from "./series";

const SPARK_S = 60;

/** The six numbers one asks for first, each with the shape of its last minute. */
export function Stats({ history }: { history: readonly LiveStatus[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const last = history.at(-1);
  if (!last) return null;
  const recent = history.slice(-SPARK_S);
  const perSecond = t("live.throughputUnit");
  const spark = (get: (message: LiveStatus) => number) => recent.map(get);
  const total = (value: number) => t("live.total", { n: formatCompact(value, locale) });
  const overWindow = t("common.last", { seconds: last.windowS });
  const ms = (name: "p50" | "p99") => {
    const value = percentile(last.latencyMs.freshness, name);
    return value === null ? "–" : formatMs(value, locale);
  };
  const stats = [
    { name: t("live.accepted"), value: formatRate(last.rates.accepted, locale), unit: perSecond, sub: total(last.totals.accepted), values: spark((one) => one.rates.accepted) },
    { name: t("live.processed"), value: formatRate(last.rates.processed, locale), unit: perSecond, sub: total(last.totals.processed), values: spark((one) => one.rates.processed) },
    { name: `${t("live.freshness")} p99`, value: ms("p99"), unit: "", sub: `p50 ${ms("p50")} · ${overWindow}`, values: spark((one) => percentile(one.latencyMs.freshness, "p99") ?? 0) },
    { name: t("live.lag"), value: formatNumber(totalLag(last), locale), unit: t("live.lagUnit"), sub: totalLag(last) === 0 ? t("live.caughtUp") : t("common.now"), values: spark((one) => totalLag(one)) },
    { name: t("live.notifications"), value: formatRate(last.rates.notifications, locale), unit: perSecond, sub: total(last.totals.notifications), values: spark((one) => one.rates.notifications) },
    { name: t("live.deadLetters"), value: formatNumber(last.deadLetters.total, locale), unit: "", sub: `${formatRate(last.rates.deadLettered, locale)} ${perSecond}`, values: spark((one) => one.rates.deadLettered), bad: last.rates.deadLettered > 0 },
  ];
  return (
    <dl className={css.stats}>
      {stats.map((stat) => (
        <div key={stat.name} className={css.stat}>
          <dt>{stat.name}</dt>
          <dd className={cx(css.value, "num")}>{stat.value} <small>{stat.unit}</small></dd>
          <dd><Sparkline values={stat.values} ink={stat.bad ? "var(--bad)" : "var(--accent)"} /></dd>
          <dd className={cx(css.sub, "num", "clip")}>{stat.sub}</dd>
        </div>
      ))}
    </dl>
  );
}
