import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { useLive, useLivePoints } from "~/api/live";
import { useTheme } from "~/app/theme";
import { Chart } from "~/charts/Chart";
import { columnsOf, within } from "~/features/live/series";
import { useLocale } from "~/i18n";
import { formatCompact, formatRate, formatTime } from "~/lib/format";
import { Skeleton } from "~/ui/States";

const WINDOW_S = 120;

/** What was asked for, and what came of it. */
export function RateChart() {
  const { t } = useTranslation();
  const locale = useLocale();
  const theme = useTheme();
  const { last } = useLive();
  const points = useLivePoints();
  const [zoom, setZoom] = useState<readonly [number, number] | null>(null);
  const endMs = last ? Date.parse(last.at) : 0;
  const data = useMemo(() => columnsOf(within(points, WINDOW_S, endMs), [(one) => one.simulator?.rate ?? null, (one) => (one.simulator?.state === "running" ? one.simulator.targetRate : null)]), [points, endMs]);
  if (!last) return <Skeleton height={264} radius={8} />;
  return (
    <Chart
      title={t("sim.chart")}
      note={`${t("sim.rateUnit")} · ${t("common.last", { seconds: WINDOW_S })}`}
      data={data}
      range={zoom ?? [endMs / 1000 - WINDOW_S, endMs / 1000]}
      height={200}
      theme={theme + locale}
      syncKey="simulator"
      yMin={10}
      format={(value) => formatRate(value, locale)}
      formatAxis={(value) => formatCompact(value, locale)}
      formatTime={(seconds) => formatTime(seconds * 1000, locale)}
      onZoom={setZoom}
      series={[{ key: "actual", label: t("sim.actual"), ink: "--s1" }, { key: "target", label: t("sim.target"), ink: "--s5", dashed: true }]}
    />
  );
}
