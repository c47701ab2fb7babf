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

test("a wish is taken back by itself, and by not wanting the product; the cart leaves it", () => {
  const marks = marksOf([
    { actionType: "WISHLIST", productId: "a" },
    { actionType: "WISHLIST", productId: "b" },
    { actionType: "WISHLIST", productId: "c" },
    { actionType: "ADD_TO_CART", productId: "a" },
    { actionType: "REMOVE_FROM_WISHLIST", productId: "a" },
    { actionType: "DISLIKE", productId: "b" },
    { actionType: "REMOVE_FROM_CART", productId: "c" },
  ]);
  expect([...marks.cart]).toEqual(["a"]);
  expect([...marks.liked]).toEqual(["c"]);
});
