import { useTranslation } from "react-i18next";

import type { LivePoint, LiveStatus } from "~/api/types";
import { Sparkline } from "~/charts/Sparkline";
import { useLocale } from "~/i18n";
import { cx } from "~/lib/cx";
import { formatCompact, formatMs, formatNumber, formatRate, NONE } from "~/lib/format";

import { FRESHNESS_TARGET_MS } from "./Charts";
import css from "./live.module.css";
import { counted, eachSecond, percentile, totalLag } from "./series";

const SPARK_S = 60;

type Flow = keyof LivePoint["rates"];

interface Stat {
  name: string;
  value: string;
  unit: string;
  sub: string;
  values: readonly (number | null)[];
  tone?: "bad" | "warn" | undefined;
}

/** The six numbers one asks for first, each with the shape of its last minute. A dash is what nobody counts. */
export function Stats({ points, last }: { points: readonly LivePoint[]; last: LiveStatus }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const endMs = Date.parse(last.at);
  const perSecond = t("live.throughputUnit");
  const spark = (get: (point: LivePoint) => number | null) => eachSecond(points, SPARK_S, endMs, get);
  const rate = (name: Flow) => {
    const value = counted(last.rates, name);
    return value === null ? NONE : formatRate(value, locale);
  };
  const total = (name: "accepted" | "processed" | "notifications") => {
    const value = counted(last.totals, name);
    return value === null ? t("live.notCounted") : t(`live.totalOf.${name}`, { n: formatCompact(value, locale) });
  };
  const overWindow = t("common.last", { seconds: last.windowS });
  const ms = (name: "p50" | "p99") => {
    const value = percentile(last.latencyMs.freshness, name);
    return value === null ? NONE : formatMs(value, locale);
  };
  const late = (percentile(last.latencyMs.freshness, "p99") ?? 0) > FRESHNESS_TARGET_MS;
  // Counted from the first one on.
  const letters = counted(last.rates, "deadLettered");
  const flow = (name: "accepted" | "processed" | "notifications"): Stat => ({ name: t(`live.${name}`), value: rate(name), unit: perSecond, sub: total(name), values: spark((one) => counted(one.rates, name)) });
  const stats: readonly Stat[] = [
    flow("accepted"),
    flow("processed"),
    { name: `${t("live.freshness")} p99`, value: ms("p99"), unit: late ? t("live.overTarget") : t("live.barTarget"), sub: `p50 ${ms("p50")} · ${overWindow}`, values: spark((one) => percentile(one.latencyMs.freshness, "p99")), tone: late ? "warn" : undefined },
    { name: t("live.lag"), value: formatNumber(totalLag(last), locale), unit: t("live.lagUnit"), sub: totalLag(last) === 0 ? t("live.caughtUp") : t("common.now"), values: spark((one) => totalLag(one)) },
    flow("notifications"),
    { name: t("live.deadLetters"), value: formatNumber(last.deadLetters.total, locale), unit: t("live.kept"), sub: letters === null ? t("live.deadLettersNone") : t("bar.perSecond", { rate: letters }), values: spark((one) => counted(one.rates, "deadLettered")), tone: (letters ?? 0) > 0 ? "bad" : undefined },
  ];
  return (
    <dl className={css.stats}>
      {stats.map((stat) => (
        <div key={stat.name} className={css.stat}>
          <dt>{stat.name}</dt>
          <dd className={cx(css.value, "num")}>{stat.value} <small className="clip" data-tone={stat.tone}>{stat.unit}</small></dd>
          <dd><Sparkline values={stat.values} ink={`var(--${stat.tone ?? "accent"})`} /></dd>
          <dd className={cx(css.sub, "num", "clip")} title={stat.sub}>{stat.sub}</dd>
        </div>
      ))}
    </dl>
  );
}
