// When to say how many products wait for their vector, or actions for their product's. Pure.

/** Between two times that it is said: a screen reader is not interrupted each second. */
const SAY_EVERY_MS = 15_000;

export interface Said {
  /** How many were said to wait; null before anything was said. */
  count: number | null;
  atMs: number;
}

export const NOTHING_SAID: Said = { count: null, atMs: 0 };

/** What is said when `waiting` products wait at `nowMs`; `before` itself where there is nothing new to say. */
export function sayNext(before: Said, waiting: number, nowMs: number): Said {
  if (before.count === null) return waiting > 0 ? { count: waiting, atMs: nowMs } : before;
  if (before.count === waiting) return before;
  // The end, and a new beginning, are said at once.
  const turned = (before.count === 0) !== (waiting === 0);
  return turned || nowMs - before.atMs >= SAY_EVERY_MS ? { count: waiting, atMs: nowMs } : before;
}
