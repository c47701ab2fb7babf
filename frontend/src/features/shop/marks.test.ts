import { expect, test } from "vitest";

import { marksOf } from "./marks";

test("a cart is what was put in, less what was taken out or bought", () => {
  const marks = marksOf([
    { actionType: "ADD_TO_CART", productId: "a" },
    { actionType: "ADD_TO_CART", productId: "b" },
    { actionType: "ADD_TO_CART", productId: "c" },
    { actionType: "REMOVE_FROM_CART", productId: "a" },
    { actionType: "PURCHASE", productId: "b" },
    { actionType: "WISHLIST", productId: "d" },
    { actionType: "SEARCH" },
  ]);
  expect([...marks.cart]).toEqual(["c"]);
  expect([...marks.bought]).toEqual(["b"]);
  expect([...marks.liked]).toEqual(["d"]);
});
