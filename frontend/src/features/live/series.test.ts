import { describe, expect, test } from "vitest";

import type { LiveStatus } from "~/api/types";
import { stretches } from "~/charts/Sparkline";

import { columnsOf, counted, eachSecond, groupsOf, percentile, totalLag, within } from "./series";

const status = (second: number, known: Partial<LiveStatus> = {}) => ({ at: new Date(second * 1000).toISOString(), rates: {}, lag: [], ...known }) as unknown as LiveStatus;

describe("what nobody counts", () => {
  test("is not a zero", () => {
    expect(counted({}, "indexed")).toBeNull();
    expect(counted({ indexed: null }, "indexed")).toBeNull();
    expect(counted({ indexed: 0 }, "indexed")).toBe(0);
  });

  test("leaves a gap in a line", () => {
    const history = [status(1), status(2, { rates: { indexed: 5 } })];
    expect(columnsOf(history, [(one) => counted(one.rates, "indexed")])).toEqual([[1, 2], [null, 5]]);
    expect(stretches([null, 1, 2, null, 3])).toEqual([{ start: 1, values: [1, 2] }, { start: 4, values: [3] }]);
    expect(stretches([])).toEqual([]);
  });

  test("has no percentile", () => {
    expect(percentile({ count: 0, p50: 0, p99: 0 }, "p99")).toBeNull();
    expect(percentile({ count: 2, p50: 1, p99: 3 }, "p99")).toBe(3);
  });
});

test("a window holds its last seconds", () => {
  expect(within([status(1), status(2), status(3)], 1, 3000).map((one) => one.at)).toEqual([status(2).at, status(3).at]);
});

test("a spark line has a value a second, however far apart the points lie", () => {
  const lag = (second: number, sum: number) => status(second, { lag: [{ group: "a", lag: sum }] as LiveStatus["lag"] });
  const points = [lag(0, 1), lag(5, 2), lag(20, 3), lag(21, 4), lag(22, 5)];
  // Held until the next point, but not over a gap.
  expect(eachSecond(points, 24, 22_000, (one) => totalLag(one))).toEqual([null, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, null, null, null, null, null, null, null, 3, 4, 5]);
  expect(eachSecond([], 2, 22_000, () => 1)).toEqual([null, null]);
});

test("lag adds up by group", () => {
  const one = (group: string, lag: number) => ({ group, lag, topic: "t", partition: 0, endOffset: 0, committed: 0 });
  const message = status(1, { lag: [one("a", 1), one("b", 2), one("a", 3)] });
  expect([totalLag(message), totalLag(message, "a"), groupsOf(message), groupsOf(null)]).toEqual([6, 4, ["a", "b"], []]);
});
