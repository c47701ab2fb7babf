import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { PreferenceChange, Recommendations, RecommendedItem } from "~/api/types";

import { stagesOf } from "./journey";
import { type LoopPorts, ShopLoop } from "./loop";

function item(productId: string): RecommendedItem {
  return { productId, name: productId, category: "Tents", price: "1.00", currency: "EUR", stock: 3, score: 1, reasons: [] };
}

function answer(ids: string[], actionCount = 0): Recommendations {
  return { userId: "u", strategy: "personalized", items: ids.map(item), generatedAt: "", traceId: "", tookMs: 1, preference: { actionCount, updatedAt: "" } };
}

/** A world whose clock and answers the test holds. */
function world() {
  let now = 0;
  let tell: ((change: PreferenceChange) => void) | undefined;
  let open: ((is: boolean) => void) | undefined;
  const lists: Recommendations[] = [answer(["a", "b"])];
  const posted: string[] = [];
  const errors: unknown[] = [];
  const ports: LoopPorts = {
    post: (event) => {
      posted.push(event.traceId ?? "");
      return Promise.resolve({ results: [{ traceId: event.traceId, status: "accepted" }], acceptedAt: new Date(now).toISOString(), durableAt: new Date(now + 2).toISOString() });
    },
    recommend: () => {
      const [next] = lists;
      if (lists.length > 1) lists.shift();
      return next ? Promise.resolve(next) : Promise.reject(new Error("no list"));
    },
    watch: (on, onOpen) => {
      tell = on;
      open = onOpen;
      onOpen(true);
      return () => (tell = undefined);
    },
    onError: (error) => errors.push(error),
    wallMs: () => now,
    monotonicMs: () => now,
  };
  return { ports, lists, posted, errors, at: (ms: number) => (now = ms), tell: (change: PreferenceChange) => tell?.(change), open: (is: boolean) => open?.(is) };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe("the loop", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test("follows an act from the click to the screen", async () => {
    const w = world();
    const loop = new ShopLoop("u", w.ports);
    loop.start();
    await settle();
    expect(loop.state.get().answer?.items.map((one) => one.productId)).toEqual(["a", "b"]);

    w.at(1000);
    w.lists.push(answer(["c", "a"], 1));
    w.lists.shift();
    void loop.act({ actionType: "CLICK", productId: "c", productName: "C" });
    await settle();
    const iso = (ms: number) => new Date(ms).toISOString();
    w.at(1020);
    w.tell({ traceId: w.posted[0] ?? "", userId: "u", actionType: "CLICK", eventAt: iso(1000), loggedAt: iso(1002), appliedAt: iso(1010), actionCount: 1 });
    await settle();

    const state = loop.state.get();
    expect(state.change?.entered).toEqual(["c"]);
    expect(state.cause?.productName).toBe("C");

    w.at(1040);
    loop.painted(state.version);
    const [journey] = loop.state.get().journeys;
    expect(journey?.status).toBe("done");
    expect(journey && stagesOf(journey).map((stage) => [stage.name, stage.atMs])).toEqual([["accepted", 0], ["logged", 2], ["vector", 10], ["visible", 40]]);
    loop.stop();
  });

  test("asks again by itself where there is no stream", async () => {
    const w = world();
    const ports = { ...w.ports, watch: () => () => undefined };
    const loop = new ShopLoop("u", ports);
    loop.start();
    await settle();
    w.lists.splice(0, 1, answer(["a", "b"]), answer(["c"], 1));
    await loop.act({ actionType: "CLICK", productId: "c", productName: "C" });
    await vi.advanceTimersByTimeAsync(500);
    expect(loop.state.get().answer?.items.map((one) => one.productId)).toEqual(["c"]);
    loop.painted(loop.state.get().version);
    expect(loop.state.get().journeys[0]?.status).toBe("done");
    loop.stop();
  });

  test("says that an act was refused, and keeps the list", async () => {
    const w = world();
    const refused = new Error("no");
    const loop = new ShopLoop("u", { ...w.ports, post: () => Promise.reject(refused) });
    loop.start();
    await settle();
    expect(await loop.act({ actionType: "CLICK", productId: "c", productName: "C" })).toBe(false);
    expect(w.errors).toEqual([refused]);
    expect(loop.state.get().journeys[0]?.status).toBe("failed");
    expect(loop.state.get().answer?.items).toHaveLength(2);
    loop.stop();
  });

  test("asks anew when the stream is back: it may have missed something", async () => {
    const w = world();
    const loop = new ShopLoop("u", w.ports);
    loop.start();
    await settle();
    w.lists.splice(0, 1, answer(["c"]));
    w.open(false);
    w.open(true);
    await settle();
    expect(loop.state.get().answer?.items.map((one) => one.productId)).toEqual(["c"]);
    loop.stop();
  });

  test("gives up waiting after a while", async () => {
    const w = world();
    const loop = new ShopLoop("u", w.ports);
    loop.start();
    await settle();
    await loop.act({ actionType: "VIEW", productId: "a", productName: "A" });
    await vi.advanceTimersByTimeAsync(6000);
    expect(loop.state.get().journeys[0]?.status).toBe("unchanged");
    loop.stop();
  });
});
