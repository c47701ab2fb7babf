// @vitest-environment jsdom
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { setLanguage, startI18n } from "~/i18n";

import { Preparing } from "./Preparing";

const feed = vi.hoisted(() => ({ last: null as { products: { total: number; embedded: number } } | null, receivedAt: 0 }));
vi.mock("~/api/live", () => ({ useLive: () => ({ ...feed }) }));

beforeAll(() => startI18n());

beforeEach(() => {
  feed.last = null;
  feed.receivedAt = 1000;
});

afterEach(async () => {
  cleanup();
  await setLanguage("en");
});

/** The products of which so many have a vector, as told `afterS` seconds after the first. */
function told(embedded: number, afterS = 0): void {
  feed.last = { products: { total: 1600, embedded } };
  feed.receivedAt = 1000 + afterS * 1000;
}

const said = () => screen.getByRole("status").textContent;
const shown = () => screen.queryByText(/being prepared\.$/)?.textContent;

test("says how many products wait, each second to the eye and every 15 seconds to the ear", () => {
  told(100);
  const { rerender } = render(<Preparing />);
  expect(said()).toMatch(/^1,500 products are being prepared\. Recommendations/);
  expect(shown()).toBe("1,500 products are being prepared.");
  told(1480, 5);
  rerender(<Preparing />);
  expect(said()).toMatch(/^1,500 products/);
  expect(shown()).toBe("120 products are being prepared.");
  told(1599, 16);
  rerender(<Preparing />);
  expect(said()).toMatch(/^1 product is being prepared/);
  told(1600, 17);
  rerender(<Preparing />);
  expect(said()).toBe("All products are ready");
  expect(screen.queryByText(/being prepared/)).toBeNull();
});

test("says nothing where nothing waits, or nothing is known", () => {
  const { rerender } = render(<Preparing />);
  expect(said()).toBe("");
  told(1600);
  rerender(<Preparing />);
  expect(said()).toBe("");
});

test("speaks Korean", async () => {
  await setLanguage("ko");
  told(1480);
  render(<Preparing />);
  expect(said()).toMatch(/^상품 120개를 준비하는 중입니다/);
});
