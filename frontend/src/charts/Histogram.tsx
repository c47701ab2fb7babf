import { cx } from "~/lib/cx";

import css from "./charts.module.css";

interface HistogramProps {
  label: string;
  buckets: readonly { le: number; count: number }[];
  formatBound: (le: number) => string;
  formatCount: (count: number) => string;
  marks: readonly { name: string; value: number; text: string }[];
  target?: number | undefined;
  /** Said where nothing was measured. */
  empty: string;
}

/** Where `value` lies on an axis of buckets of equal width, 0 to 1. */
export function placeOf(value: number, bounds: readonly number[]): number {
  const at = bounds.findIndex((bound) => value <= bound);
  if (at < 0) return 1;
  const low = at === 0 ? 0 : (bounds[at - 1] ?? 0);
  const high = bounds[at] ?? low;
  return (at + (high > low ? (value - low) / (high - low) : 1)) / bounds.length;
}

const BUCKETS_MIN = 6;
const LABELS_MAX = 10;
/** Past this place a label stands to the left of its mark. */
const FLIP_FROM = 0.8;
/** Labels of marks nearer than this stand one below the other. */
const LABELS_APART = 0.5;

/** The buckets worth drawing: from one before the first that holds something to one behind the last. */
export function trim<T extends { count: number }>(buckets: readonly T[]): readonly T[] {
  const first = buckets.findIndex((bucket) => bucket.count > 0);
  if (first < 0) return buckets;
  const last = buckets.findLastIndex((bucket) => bucket.count > 0);
  const start = Math.max(0, Math.min(first - 1, buckets.length - BUCKETS_MIN));
  return buckets.slice(start, Math.max(last + 2, start + BUCKETS_MIN));
}

/** How often each length of time came up. Bars past the target are drawn as a warning. */
export function Histogram({ label, buckets: all, formatBound, formatCount, marks, target, empty }: HistogramProps) {
  if (!all.some((bucket) => bucket.count > 0)) return <p className={cx(css.nothing, "muted")}>{empty}</p>;
  const buckets = trim(all);
  const step = Math.ceil(buckets.length / LABELS_MAX);
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
        {marks.map((mark, at) => {
          const place = placeOf(mark.value, bounds);
          const before = marks[at - 1];
          return (
            <span key={mark.name} className={cx(css.mark, "num")} style={{ left: `${place * 100}%` }} data-flip={place > FLIP_FROM} data-below={before !== undefined && place - placeOf(before.value, bounds) < LABELS_APART}>
              <b>{mark.name} {mark.text}</b>
            </span>
          );
        })}
      </div>
      <div className={cx(css.bounds, "num")} aria-hidden="true">{buckets.map((bucket, at) => <span key={bucket.le} data-minor={((buckets.length - 1 - at) / step) % 2 === 1}>{(buckets.length - 1 - at) % step === 0 ? formatBound(bucket.le) : ""}</span>)}</div>
    </div>
  );
}
