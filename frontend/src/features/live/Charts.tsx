import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { LivePoint, LiveStatus } from "~/api/types";
import { STAGES, type StageName } from "~/app/search";
import { useTheme } from "~/app/theme";
import { Chart } from "~/charts/Chart";
import chartCss from "~/charts/charts.module.css";
import { Histogram } from "~/charts/Histogram";
import { useLocale } from "~/i18n";
import { formatCompact, formatMs, formatNumber, formatRate, formatTime, type Locale } from "~/lib/format";
import { SelectField } from "~/ui/Field";

import css from "./live.module.css";
import { columnsOf, counted, groupsOf, percentile, totalLag, within } from "./series";

/** From action to changed recommendation: what we aim at. */
export const FRESHNESS_TARGET_MS = 100;
export type Zoom = readonly [number, number];
const INKS = ["--s1", "--s2", "--s3", "--s4", "--s5"] as const;

const WINDOW_LEAST_S = 60;

const ratesOf = (...names: (keyof LivePoint["rates"])[]) => names.map((name) => (one: LivePoint) => counted(one.rates, name));

/** Round numbers, as axes have them: `5 ms`, not `5.0 ms`. */
const formatBound = (ms: number, locale: Locale) => formatMs(ms, locale).replace(".0 ", " ");

/** The window, but no wider than there is something to show: a page just opened is not half empty. */
function rangeOf(shown: readonly LivePoint[], minutes: number, endMs: number): readonly [number, number] {
  const end = endMs / 1000;
  const first = shown[0] ? Date.parse(shown[0].at) / 1000 : end;
  return [Math.max(end - minutes * 60, Math.min(first, end - WINDOW_LEAST_S)), end];
}

interface ChartsProps {
  points: readonly LivePoint[];
  /** The newest message. */
  last: LiveStatus;
  minutes: number;
  /** Where time stands: now, or when it was paused. ms. */
  endMs: number;
  stage: StageName;
  onStage: (stage: StageName) => void;
  /** The stretch of time that was dragged out, seconds of the epoch. */
  zoom: Zoom | null;
  onZoom: (zoom: Zoom | null) => void;
}

export function Charts({ points, last, minutes, endMs, stage, onStage, zoom, onZoom }: ChartsProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const theme = useTheme();
  const shown = useMemo(() => within(points, minutes * 60, endMs), [points, minutes, endMs]);
  const range = zoom ?? rangeOf(shown, minutes, endMs);
  const groups = useMemo(() => groupsOf(last).join(" "), [last]);

  const data = useMemo(
    () => ({
      flow: columnsOf(shown, ratesOf("accepted", "processed", "indexed")),
      freshness: columnsOf(shown, [(one) => percentile(one.latencyMs.freshness, "p50"), (one) => percentile(one.latencyMs.freshness, "p99")]),
      stages: columnsOf(shown, [(one) => percentile(one.latencyMs.append, "p99"), (one) => percentile(one.latencyMs.vector, "p99"), (one) => percentile(one.latencyMs.recommend, "p99"), (one) => percentile(one.latencyMs.notify, "p99")]),
      lag: columnsOf(shown, groups.split(" ").map((group) => (one: LivePoint) => totalLag(one, group))),
      serving: columnsOf(shown, ratesOf("recommendations", "searches", "notifications")),
    }),
    [shown, groups],
  );

  const common = { range, theme: theme + locale, syncKey: "live", onZoom, formatTime: (seconds: number) => formatTime(seconds * 1000, locale) };
  const rate = { format: (value: number) => formatRate(value, locale), formatAxis: (value: number) => formatCompact(value, locale), yMin: 1 };
  const ms = { format: (value: number) => formatMs(value, locale), formatAxis: (value: number) => (value === 0 ? "0" : formatBound(value, locale)), yMin: 5 };
  const overWindow = t("common.last", { seconds: last.windowS });

  return (
    <div className={css.charts}>
      <Chart {...common} {...rate} title={t("live.throughput")} note={t("live.throughputUnit")} data={data.flow} series={[{ key: "a", label: t("live.accepted"), ink: "--s1" }, { key: "p", label: t("live.processed"), ink: "--s2" }, { key: "i", label: t("live.indexed"), ink: "--s5", dashed: true }]} />
      <Chart {...common} {...ms} title={t("live.freshness")} note={`${t("live.freshnessHint")} · ${overWindow}`} data={data.freshness} target={{ value: FRESHNESS_TARGET_MS, label: t("live.barTarget") }} series={[{ key: "50", label: "p50", ink: "--s2" }, { key: "99", label: "p99", ink: "--s1" }]} />
      <Chart {...common} {...ms} title={t("live.stages")} note={overWindow} data={data.stages} series={(["append", "vector", "recommend", "notify"] as const).map((name, at) => ({ key: name, label: t(`live.${name}`), ink: INKS[at] ?? "--s1" }))} />
      <Chart {...common} {...rate} format={(value) => formatNumber(value, locale)} title={t("live.lag")} note={t("live.lagUnit")} yMin={10} data={data.lag} series={groups.split(" ").map((group, at) => ({ key: group, label: group, ink: INKS[at % INKS.length] ?? "--s1" }))} />
      <Chart {...common} {...rate} title={t("live.serving")} note={t("live.throughputUnit")} data={data.serving} series={[{ key: "r", label: t("live.recommendations"), ink: "--s1" }, { key: "s", label: t("live.searches"), ink: "--s2" }, { key: "n", label: t("live.notifications"), ink: "--s3" }]} />
      <figure className={chartCss.chart}>
        <figcaption className={chartCss.caption}>
          <h2>{t("live.histogram")}</h2>
          <span className="muted num">{overWindow}</span>
          <SelectField className={css.stagePick} label={t("live.stage")} hideLabel value={stage} onChange={(event) => onStage(STAGES.find((one) => one === event.target.value) ?? "freshness")}>
            {STAGES.map((one) => <option key={one} value={one}>{t(`live.${one}`)}</option>)}
          </SelectField>
        </figcaption>
        <Histogram
          empty={t("live.notMeasured", { seconds: last.windowS })}
          label={t("live.histogramOf", { name: t(`live.${stage}`) })}
          buckets={last.latencyMs[stage].buckets}
          formatBound={(le) => formatBound(le, locale)}
          formatCount={(count) => formatCompact(count, locale)}
          marks={(["p50", "p99"] as const).flatMap((name) => {
            const value = percentile(last.latencyMs[stage], name);
            return value === null ? [] : [{ name, value, text: formatMs(value, locale) }];
          })}
          target={stage === "freshness" ? FRESHNESS_TARGET_MS : undefined}
        />
      </figure>
    </div>
  );
}
