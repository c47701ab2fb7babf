import { describe, expect, test } from "vitest";

import { placeOf, trim } from "./Histogram";
import { spread } from "./plot";

describe("labels at lines' ends", () => {
  test("stay where they are when they have room", () => {
    expect(spread([90, 50, 10], 0, 100, 14)).toEqual([90, 50, 10]);
  });

  test("move apart, and stay inside", () => {
    expect(spread([98, 97, 96], 0, 100, 14)).toEqual([98, 84, 70]);
    expect(spread([2, 1, 0], 7, 100, 14)).toEqual([35, 21, 7]);
  });
});

test("empty buckets at both ends are left out, but for one", () => {
  const of = (...counts: number[]) => trim(counts.map((count) => ({ count }))).map((bucket) => bucket.count);
  expect(of(0, 0, 0, 5, 6, 7, 8, 0, 0, 0)).toEqual([0, 5, 6, 7, 8, 0]);
  expect(of(9, 0, 0, 0, 0, 0, 0, 0)).toEqual([9, 0, 0, 0, 0, 0]);
  expect(of(0, 0)).toEqual([0, 0]);
});

test("a value lies within its bucket", () => {
  expect(placeOf(15, [10, 20])).toBe(0.75);
  expect(placeOf(0, [10, 20])).toBe(0);
  expect(placeOf(99, [10, 20])).toBe(1);
});
