// From the history of messages to what the charts draw. Pure.
import type { Latency, LiveStatus } from "~/api/types";

export type Columns = [number[], ...(number | null)[][]];

/** The messages of the last `windowS` seconds before `endMs`. */
export function within(history: readonly LiveStatus[], windowS: number, endMs: number): readonly LiveStatus[] {
  const from = endMs - windowS * 1000;
  let start = history.length;
  while (start > 0 && Date.parse(history[start - 1]?.at ?? "") >= from) start -= 1;
  return history.slice(start);
}

/** Times in seconds, then one column a getter. */
export function columnsOf(history: readonly LiveStatus[], getters: readonly ((message: LiveStatus) => number | null)[]): Columns {
  return [history.map((message) => Date.parse(message.at) / 1000), ...getters.map((get) => history.map(get))];
}

/** A percentile; null where nothing was measured, so that a line has a gap and not a zero. */
export function percentile(latency: Latency, name: "p50" | "p99"): number | null {
  return latency.count > 0 ? latency[name] : null;
}

/** What flows, by name. A platform names only what it counts. */
type Flow = Partial<Record<keyof LiveStatus["rates"], number | null>>;

/** A rate or a total; null where nobody counts it, so that it is shown as a dash and not as a zero. */
export function counted(flow: Flow, name: keyof Flow): number | null {
  return flow[name] ?? null;
}

export function totalLag(message: LiveStatus, group?: string): number {
  return message.lag.reduce((sum, one) => (group === undefined || one.group === group ? sum + one.lag : sum), 0);
}

/** The consumer groups, in the order in which they are first named. */
export function groupsOf(message: LiveStatus | null): string[] {
  return [...new Set(message?.lag.map((one) => one.group))];
}
