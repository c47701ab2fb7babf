import { expect, test } from "vitest";

import { NOTHING_SAID, sayNext } from "./announce";

test("nothing is said where nothing waits", () => {
  expect(sayNext(NOTHING_SAID, 0, 1)).toBe(NOTHING_SAID);
});

test("the number is said at once, then every 15 seconds, and its end at once", () => {
  const first = sayNext(NOTHING_SAID, 120, 1000);
  expect(first).toEqual({ count: 120, atMs: 1000 });
  expect(sayNext(first, 110, 15_999)).toBe(first);
  const second = sayNext(first, 40, 16_000);
  expect(second).toEqual({ count: 40, atMs: 16_000 });
  expect(sayNext(second, 40, 60_000)).toBe(second);
  const end = sayNext(second, 0, 17_000);
  expect(end).toEqual({ count: 0, atMs: 17_000 });
  expect(sayNext(end, 3, 17_001)).toEqual({ count: 3, atMs: 17_001 });
});
