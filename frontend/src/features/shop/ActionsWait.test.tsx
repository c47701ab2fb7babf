// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { setLanguage, startI18n } from "~/i18n";

import { ActionsWait } from "./ActionsWait";

/** What anybody's actions and those of the shopper wait for. */
const world = vi.hoisted(() => ({ live: null as { waitingActions: number } | null, receivedAt: 0, waiting: 0, asked: [] as string[] }));
vi.mock("~/api/live", () => ({ useLive: () => ({ last: world.live, receivedAt: world.receivedAt }) }));

let moved: number;

beforeAll(() => startI18n());

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(world, { live: { waitingActions: 7 }, receivedAt: 1000, waiting: 1, asked: [] });
  moved = 0;
  vi.stubGlobal("fetch", (request: Request) => {
    world.asked.push(new URL(request.url).pathname);
    return Promise.resolve(Response.json({ waitingActions: world.waiting }));
  });
});

afterEach(async () => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await setLanguage("en");
});

function show({ known = true } = {}) {
  const client = new QueryClient();
  const onMoved = () => void (moved += 1);
  const page = () => <QueryClientProvider client={client}><ActionsWait userId="ann" known={known} onMoved={onMoved} /></QueryClientProvider>;
  const { rerender } = render(page());
  return { rerender: () => rerender(page()) };
}

const later = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
const said = () => screen.getByRole("status").textContent;
const seen = () => document.querySelector("p")?.textContent ?? null;

test("says how many actions wait, until none does, and that taste has moved then", async () => {
  world.waiting = 2;
  show();
  expect(seen()).toBeNull();
  await later(100);
  expect(seen()).toBe("2 actions wait for their products to be prepared");
  expect(said()).toBe(seen());
  expect(moved).toBe(0);
  world.waiting = 1;
  await later(2000);
  expect(seen()).toBe("1 action waits for its product to be prepared");
  expect(moved).toBe(1);
  world.waiting = 0;
  await later(2000);
  expect(seen()).toBeNull();
  expect(said()).toBe("All actions count now");
  expect(moved).toBe(2);
});

test("goes away with the last action that waits anywhere, and asks no longer", async () => {
  const { rerender } = show();
  await later(100);
  expect(seen()).toBe("1 action waits for its product to be prepared");
  world.live = { waitingActions: 0 };
  rerender();
  expect(seen()).toBeNull();
  expect(moved).toBe(1);
  const { length } = world.asked;
  await later(10_000);
  expect(world.asked).toHaveLength(length);
});

test("asks nothing where nothing waits, nothing is known, or the shopper never acted", async () => {
  show({ known: false });
  await later(5000);
  cleanup();
  for (const live of [null, { waitingActions: 0 }]) {
    world.live = live;
    show();
    await later(5000);
    expect(said()).toBe("");
    cleanup();
  }
  expect(world.asked).toEqual([]);
});

test("speaks Korean", async () => {
  await setLanguage("ko");
  show();
  await later(100);
  expect(said()).toBe("행동 1건이 상품 준비를 기다리는 중입니다");
});
