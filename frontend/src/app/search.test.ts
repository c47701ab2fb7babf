import { expect, test } from "vitest";

import { parseLive, parseRecommendations, parseShop, parseValue } from "./search";

test("what a link says is made sound", () => {
  expect(parseRecommendations({ by: "magic", limit: "9999", min: "abc", max: "19.90", stock: "true", user: 42 })).toMatchObject({ by: undefined, limit: 100, min: undefined, max: "19.90", stock: true, user: "42" });
  expect(parseLive({ minutes: 7, stage: "lunch" })).toMatchObject({ minutes: undefined, stage: undefined });
  expect(parseShop({ category: "", q: "tent" })).toMatchObject({ category: undefined, q: "tent" });
});

test("an amount in an address stays as it was typed", () => {
  expect(() => parseValue("2.000")).toThrow();
  expect(parseValue("true")).toBe(true);
  expect(parseValue('"2.000"')).toBe("2.000");
  expect(parseRecommendations({ min: "2.000", max: "1,5", currency: "krw" })).toMatchObject({ min: "2.000", max: "1,5", currency: "KRW" });
  expect(parseRecommendations({ currency: "won!" }).currency).toBeUndefined();
});
