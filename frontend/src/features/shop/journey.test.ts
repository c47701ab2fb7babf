import { describe, expect, test } from "vitest";

import { compareLists, type Journey, median, stagesOf } from "./journey";

const journey = (known: Partial<Journey>): Journey => ({ traceId: "t", actionType: "CLICK", productName: "Tent", wallMs: 1000, startMs: 0, status: "running", ...known });

describe("an event's way", () => {
  test("has no stages before the answer", () => {
    expect(stagesOf(journey({}))).toEqual([]);
  });

  test("takes the server's times as offsets from the click", () => {
    const stages = stagesOf(journey({ answeredMs: 12, acceptedAt: 1003, loggedAt: 1008, appliedAt: 1020, visibleMs: 60 }));
    expect(stages).toEqual([
      { name: "accepted", atMs: 3, tookMs: 3 },
      { name: "logged", atMs: 8, tookMs: 5 },
      { name: "vector", atMs: 20, tookMs: 12 },
      { name: "visible", atMs: 60, tookMs: 40 },
    ]);
  });

  test("does not trust a server clock that runs behind", () => {
    const [accepted, logged] = stagesOf(journey({ answeredMs: 20, acceptedAt: 400, loggedAt: 410, visibleMs: 90, appliedAt: 420 }));
    // 20 ms on the road, 10 of them in the server: half of the rest is the way there.
    expect(accepted?.atMs).toBe(5);
    expect(logged?.atMs).toBe(15);
  });

  test("does not trust a server clock that runs ahead", () => {
    const stages = stagesOf(journey({ answeredMs: 20, acceptedAt: 9000, loggedAt: 9010, appliedAt: 9020, visibleMs: 70 }));
    expect(stages.map((stage) => stage.atMs)).toEqual([5, 15, 25, 70]);
  });

  test("never runs backwards", () => {
    const stages = stagesOf(journey({ answeredMs: 4, acceptedAt: 1001, loggedAt: 1002, appliedAt: 1003, visibleMs: 2 }));
    stages.reduce((before, stage) => {
      expect(stage.atMs).toBeGreaterThanOrEqual(before);
      return stage.atMs;
    }, 0);
  });
});

describe("two lists", () => {
  test("tell what is new and what moved", () => {
    const change = compareLists(["a", "b", "c"], ["c", "a", "d"]);
    expect(change.entered).toEqual(["d"]);
    expect([...change.moved]).toEqual([["c", 2], ["a", -1]]);
  });

  test("are the same", () => {
    const change = compareLists(["a"], ["a"]);
    expect(change.entered).toEqual([]);
    expect(change.moved.size).toBe(0);
  });
});

test("the median of none, one and two", () => {
  expect([median([]), median([3]), median([1, 4])]).toEqual([0, 3, 2.5]);
});
