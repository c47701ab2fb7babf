import { expect, test } from "vitest";

import { formatAgo, formatBytes, formatMoney, formatMs, formatUptime, lessPercent } from "./format";

test("milliseconds change to seconds when they are many", () => {
  expect([formatMs(0.84, "en"), formatMs(9.97, "en"), formatMs(12.4, "en"), formatMs(1440, "en"), formatMs(61_000, "en")]).toEqual(["0.8 ms", "10 ms", "12 ms", "1.4 s", "61 s"]);
});

test("money keeps its decimals, and survives a currency nobody knows", () => {
  expect(formatMoney("19.90", "EUR", "en")).toBe("€19.90");
  expect(formatMoney("32000", "KRW", "ko")).toBe("₩32,000");
  expect(formatMoney("1.00", "not one", "en")).toBe("1.00 not one");
});

test("a price less some percent has as many decimals", () => {
  expect(lessPercent("19.90", 20)).toBe("15.92");
  expect(lessPercent("32000", 10)).toBe("28800");
});

test("times and sizes", () => {
  expect(formatAgo(0, 3000, "en")).toBe("3s ago");
  expect(formatAgo(5000, 3000, "en")).toBe("0s ago");
  expect(formatUptime(3_725)).toBe("1 h 02 min");
  expect(formatBytes(612_000_000, "en")).toBe("612 MB");
});
