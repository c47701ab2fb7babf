// From the history of messages to what the charts draw. Pure.
import type { LivePoint } from "~/api/types";

export type Columns = [number[], ...(number | null)[][]];

/** The points of the last `windowS` seconds before `endMs`. */
export function within(points: readonly LivePoint[], windowS: number, endMs: number): readonly LivePoint[] {
  const from = endMs - windowS * 1000;
  let start = points.length;
  while (start > 0 && Date.parse(points[start - 1]?.at ?? "") >= from) start -= 1;
  return points.slice(start);
}

/** Times in seconds, then one column a getter. */
export function columnsOf(points: readonly LivePoint[], getters: readonly ((point: LivePoint) => number | null)[]): Columns {
  return [points.map((point) => Date.parse(point.at) / 1000), ...getters.map((get) => points.map(get))];
}

/** A point holds until the next one, but no longer than this: the server's lie five seconds apart. */
const HELD_MS = 7500;

/** One value for each of the last `seconds` before `endMs`, the oldest first; null where nothing is known. Points need not lie evenly. */
export function eachSecond(points: readonly LivePoint[], seconds: number, endMs: number, get: (point: LivePoint) => number | null): (number | null)[] {
  const shown = within(points, seconds + HELD_MS / 1000, endMs);
  let next = 0;
  return Array.from({ length: seconds }, (_, at) => {
    const ms = endMs - (seconds - 1 - at) * 1000;
    while (next < shown.length && Date.parse(shown[next]?.at ?? "") <= ms) next += 1;
    const held = shown[next - 1];
    return held && ms - Date.parse(held.at) <= HELD_MS ? get(held) : null;
  });
}

/** A percentile; null where nothing was measured, so that a line has a gap and not a zero. */
export function percentile(latency: LivePoint["latencyMs"]["freshness"], name: "p50" | "p99"): number | null {
  return latency.count > 0 ? latency[name] : null;
}

/** What flows, by name. A platform names only what it counts. */
type Flow = Partial<Record<keyof LivePoint["rates"], number | null>>;

/** A rate or a total; null where nobody counts it, so that it is shown as a dash and not as a zero. */
export function counted(flow: Flow, name: keyof Flow): number | null {
  return flow[name] ?? null;
}

export function totalLag({ lag }: Pick<LivePoint, "lag">, group?: string): number {
  return lag.reduce((sum, one) => (group === undefined || one.group === group ? sum + one.lag : sum), 0);
}

/** The consumer groups, in the order in which they are first named. */
export function groupsOf(point: Pick<LivePoint, "lag"> | null): string[] {
  return [...new Set(point?.lag.map((one) => one.group))];
}
