import { cx } from "~/lib/cx";

import css from "./charts.module.css";

interface HistogramProps {
  label: string;
  buckets: readonly { le: number; count: number }[];
  formatBound: (le: number) => string;
  formatCount: (count: number) => string;
  marks: readonly { name: string; value: number; text: string }[];
  target?: number | undefined;
}

/** Where `value` lies on an axis of buckets of equal width, 0 to 1. */
export function placeOf(value: number, bounds: readonly number[]): number {
  const at = bounds.findIndex((bound) => value <= bound);
  if (at < 0) return 1;
  const low = at === 0 ? 0 : (bounds[at - 1] ?? 0);
  const high = bounds[at] ?? low;
  return (at + (high > low ? (value - low) / (high - low) : 1)) / bounds.length;
}

/** How often each length of time came up. Bars past the target are drawn as a warning. */
export function Histogram({ label, buckets, formatBound, formatCount, marks, target }: HistogramProps) {
  const most = Math.max(...buckets.map((bucket) => bucket.count), 1);
  const bounds = buckets.map((bucket) => bucket.le);
  return (
    <div className={css.histogram}>
      <div className={css.bars} role="img" aria-label={`${label}. ${marks.map((mark) => `${mark.name} ${mark.text}`).join(", ")}`}>
        {buckets.map((bucket) => (
          <div key={bucket.le} className={css.bar} title={`≤ ${formatBound(bucket.le)}: ${formatCount(bucket.count)}`}>
            <i data-late={target !== undefined && bucket.le > target} style={{ height: `${bucket.count === 0 ? 0 : Math.max(1.5, (bucket.count / most) * 100)}%` }} />
          </div>
        ))}
        {marks.map((mark) => (
          <span key={mark.name} className={cx(css.mark, "num")} style={{ left: `${placeOf(mark.value, bounds) * 100}%` }} data-flip={placeOf(mark.value, bounds) > 0.8}>
            <b>{mark.name} {mark.text}</b>
          </span>
        ))}
      </div>
      <div className={cx(css.bounds, "num")} aria-hidden="true">{buckets.map((bucket) => <span key={bucket.le}>{formatBound(bucket.le)}</span>)}</div>
    </div>
  );
}
