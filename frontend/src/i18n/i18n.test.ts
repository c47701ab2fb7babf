import { describe, expect, test } from "vitest";

import { en } from "./en";
import { ko } from "./ko";

/** Every text of a tree, by its path. */
function flatten(tree: object, path = ""): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") texts.set(path + key, value);
    else for (const [inner, text] of flatten(value as object, `${path}${key}.`)) texts.set(inner, text);
  }
  return texts;
}

const gaps = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map(([, name]) => name).sort();

describe("Korean", () => {
  const english = flatten(en);
  const korean = flatten(ko);

  test("says all that English says", () => {
    expect([...korean.keys()].sort()).toEqual([...english.keys()].sort());
  });

  test("fills the same gaps", () => {
    const differing = [...english].filter(([key, text]) => gaps(korean.get(key) ?? "").join() !== gaps(text).join());
    expect(differing).toEqual([]);
  });
});
