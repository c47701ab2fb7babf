// How our series look in uPlot: thin axes, the last value at the line's end, a target as a dashed line.
import type uPlot from "uplot";

export interface SeriesSpec {
  key: string;
  label: string;
  /** A CSS variable, such as `--s1`. */
  ink: string;
  dashed?: boolean;
}

export interface Target {
  value: number;
  label: string;
}

export interface PlotSpec {
  series: readonly SeriesSpec[];
  format: (value: number) => string;
  formatAxis: (value: number) => string;
  formatTime: (seconds: number) => string;
  target?: Target | undefined;
  /** The y axis reaches at least to here. */
  yMin: number;
  syncKey: string;
  onCursor: (index: number | null) => void;
  onZoom: (range: readonly [number, number] | null) => void;
}

const LABEL_GAP_PX = 14;
const LABEL_ROOM_PX = 62;
const ZOOM_MIN_PX = 8;

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const font = () => `500 11px ${getComputedStyle(document.body).fontFamily}`;

/** uPlot's options for `spec`, at that size. */
export function plotOptions(spec: PlotSpec, width: number, height: number): uPlot.Options {
  const axis = { stroke: css("--text-3"), font: font(), ticks: { show: false }, grid: { stroke: css("--line"), width: 1 } };
  return {
    width,
    height,
    padding: [10, LABEL_ROOM_PX, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: spec.syncKey, setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, Math.max(spec.yMin, (spec.target?.value ?? 0) * 1.15, (max || 0) * 1.12)] } },
    axes: [
      { ...axis, size: 28, space: 80, grid: { show: false }, values: (_plot, splits) => splits.map(spec.formatTime) },
      { ...axis, size: 48, space: 36, values: (_plot, splits) => splits.map(spec.formatAxis) },
    ],
    series: [{}, ...spec.series.map((one) => ({ label: one.label, stroke: css(one.ink), width: 1.6, points: { show: false }, ...(one.dashed ? { dash: [4, 4] } : {}) }))],
    hooks: {
      draw: [(plot) => drawTarget(plot, spec), (plot) => drawEnds(plot, spec)],
      setCursor: [(plot) => spec.onCursor(plot.cursor.left !== undefined && plot.cursor.left >= 0 ? (plot.cursor.idx ?? null) : null)],
      setSelect: [
        (plot) => {
          if (plot.select.width < ZOOM_MIN_PX) return;
          spec.onZoom([plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")]);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

function drawTarget(plot: uPlot, { target }: PlotSpec): void {
  if (!target) return;
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const y = Math.round(plot.valToPos(target.value, "y", true)) + 0.5;
  if (y < bbox.top) return;
  ctx.save();
  ctx.strokeStyle = css("--text-3");
  ctx.setLineDash([3 * ratio, 4 * ratio]);
  ctx.lineWidth = ratio;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.fillStyle = css("--text-3");
  ctx.font = font().replace("11px", `${11 * ratio}px`);
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  ctx.fillText(target.label, bbox.left + 4 * ratio, y - 2 * ratio);
  ctx.restore();
}

/** Writes each line's newest value beside its end, moved apart where they would overlap. */
function drawEnds(plot: uPlot, spec: PlotSpec): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const ends = spec.series
    .map((one, at) => {
      const values = plot.data[at + 1];
      const value = values?.[plot.series[0]?.idxs?.[1] ?? values.length - 1];
      return value === null || value === undefined ? null : { one, value, y: plot.valToPos(value, "y", true) };
    })
    .filter((end) => end !== null)
    .sort((a, b) => b.y - a.y);
  const places = spread(ends.map((end) => end.y), bbox.top + (LABEL_GAP_PX / 2) * ratio, bbox.top + bbox.height, LABEL_GAP_PX * ratio);
  ctx.save();
  ctx.font = font().replace("11px", `${11 * ratio}px`);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  ends.forEach((end, at) => {
    ctx.fillStyle = css(end.one.ink);
    ctx.fillText(spec.format(end.value), bbox.left + bbox.width + 6 * ratio, places[at] ?? end.y);
  });
  ctx.restore();
}

/** Moves places, given from the lowest (greatest) up, so that they lie `gap` apart between `top` and `bottom`. */
export function spread(places: readonly number[], top: number, bottom: number, gap: number): number[] {
  const spread: number[] = [];
  for (const place of places) spread.push(Math.min(place, (spread.at(-1) ?? bottom + gap) - gap));
  let ceiling = top;
  for (let at = spread.length - 1; at >= 0; at--) {
    spread[at] = Math.max(spread[at] ?? top, ceiling);
    ceiling = (spread[at] ?? top) + gap;
  }
  return spread;
}
