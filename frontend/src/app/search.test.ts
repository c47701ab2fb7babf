import { expect, test } from "vitest";

import { parseLive, parseRecommendations, parseShop } from "./search";

test("what a link says is made sound", () => {
  expect(parseRecommendations({ by: "magic", limit: "9999", min: "abc", max: "19.90", stock: "true", user: 42 })).toMatchObject({ by: undefined, limit: 100, min: undefined, max: "19.90", stock: true, user: "42" });
  expect(parseLive({ minutes: 7, stage: "lunch" })).toMatchObject({ minutes: undefined, stage: undefined });
  expect(parseShop({ category: "", q: "tent" })).toMatchObject({ category: undefined, q: "tent" });
});
