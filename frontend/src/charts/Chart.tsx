import "uplot/dist/uPlot.min.css";

import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";

import { NONE } from "~/lib/format";

import css from "./charts.module.css";
import { plotOptions, type PlotSpec } from "./plot";

interface ChartProps extends Omit<PlotSpec, "onCursor"> {
  title: string;
  /** Unit and window, beside the title. */
  note: ReactNode;
  /** Seconds of the epoch, then one array a series. */
  data: uPlot.AlignedData;
  /** What the x axis shows, seconds of the epoch. */
  range: readonly [number, number];
  height?: number;
  /** Anything that changes colours: the chart is drawn anew. */
  theme: string;
}

/** A live series. The cursor is shared by all charts with the same `syncKey`. */
export function Chart({ title, note, data, range, height = 176, theme, ...spec }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const latest = useRef(spec);
  const input = useRef({ data, range });
  const shape = `${theme} ${spec.series.map((one) => one.key + one.label).join()} ${spec.target?.label ?? ""} ${spec.yMin}`;

  useEffect(() => {
    latest.current = spec;
    input.current = { data, range };
  });

  useEffect(() => {
    const node = host.current;
    if (!node) return;
    const now = latest.current;
    const made = new uPlot(
      plotOptions(
        {
          ...now,
          format: (value) => latest.current.format(value),
          formatAxis: (value) => latest.current.formatAxis(value),
          formatTime: (seconds) => latest.current.formatTime(seconds),
          onZoom: (next) => latest.current.onZoom(next),
          onCursor: setCursor,
        },
        node.clientWidth,
        height,
      ),
      input.current.data,
      node,
    );
    plot.current = made;
    made.setScale("x", { min: input.current.range[0], max: input.current.range[1] });
    const reset = () => latest.current.onZoom(null);
    made.over.addEventListener("dblclick", reset);
    const observer = new ResizeObserver(([entry]) => entry && made.setSize({ width: entry.contentRect.width, height }));
    observer.observe(node);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, height]);

  const [from, to] = range;
  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    made.batch(() => {
      made.setData(data, false);
      made.setScale("x", { min: from, max: to });
    });
  }, [data, from, to, shape]);

  const shown = cursor ?? (data[0].length > 0 ? data[0].length - 1 : null);
  const values = spec.series.map((one, at) => ({ ...one, value: shown === null ? null : data[at + 1]?.[shown] }));
  const words = useMemo(() => values.map((one) => `${one.label}: ${one.value === null || one.value === undefined ? NONE : spec.format(one.value)}`).join(", "), [values, spec]);

  return (
    <figure className={css.chart}>
      <figcaption className={css.caption}>
        <h2>{title}</h2>
        <span className="muted num">{note}</span>
      </figcaption>
      <ul className={css.values} aria-hidden="true">
        {values.map((one) => (
          <li key={one.key}>
            <i style={{ background: `var(${one.ink})` }} data-dashed={one.dashed ?? false} />
            {one.label}
            <b className="num">{one.value === null || one.value === undefined ? NONE : spec.format(one.value)}</b>
          </li>
        ))}
      </ul>
      <div ref={host} role="img" aria-label={`${title}. ${words}`} style={{ height }} />
    </figure>
  );
}
