import { expect, test } from "vitest";

import { chooseMotif, choosePalette } from "./choose";

test.each([
  ["Kettle Lane Travel mug, black", "Coffee", "mug"],
  ["Aero One Trail running shoes, green", "Running", "shoe"],
  ["Kite & Kin Harbor Building Blocks, Mint, from 5 years", "Toys & Games", "blocks"],
  ["Moss Retro Oak Bookcase by Kite & Kin, Olive", "Furniture", "bookcase"],
  ["Portable speaker", "Audio", "speaker"],
  ["Something nobody knows", "Beauty", "bottle"],
  ["Something nobody knows", "Nowhere", "parcel"],
])("draws %s of %s as a %s", (name, category, motif) => {
  expect(chooseMotif(name, category)).toBe(motif);
});

test("the colour is what stands behind the comma, not what the name sounds like", () => {
  const red = choosePalette("Moss Chair, Red, L", "Furniture", "p-1");
  expect(red.a).toBe("hsl(6 60% 52%)");
});

test("the same product is always drawn alike", () => {
  expect(choosePalette("Chair", "Furniture", "p-1")).toEqual(choosePalette("Chair", "Furniture", "p-1"));
});
