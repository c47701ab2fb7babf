// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { keepToken, signOut } from "./session";
import { openStream, type StreamState } from "./stream";

const RETRY_MS = 500;

/** A browser's stream whose events the test makes. */
class FakeSource extends EventTarget {
  static readonly CLOSED = 2;
  static opened: FakeSource[] = [];
  readyState = 0;
  onopen?: () => void;
  onerror?: () => void;

  constructor(readonly url: string) {
    super();
    FakeSource.opened.push(this);
  }

  close(): void {
    this.readyState = FakeSource.CLOSED;
  }

  fail(readyState: number): void {
    this.readyState = readyState;
    this.onerror?.();
  }
}

let tickets: (() => Response | Promise<Response>)[];
let asked: string[];

const urls = () => FakeSource.opened.map((source) => source.url);
const newest = () => FakeSource.opened.at(-1);
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const ticket = (name: string) => () => Response.json({ ticket: name, expiresAt: "2026-01-01T00:00:30Z" });

beforeEach(() => {
  vi.useFakeTimers();
  FakeSource.opened = [];
  tickets = [];
  asked = [];
  vi.stubGlobal("EventSource", FakeSource);
  vi.stubGlobal("fetch", (request: Request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    return Promise.resolve(tickets.shift()?.() ?? new Response(null, { status: 503 }));
  });
});

afterEach(() => {
  signOut();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("without a token a stream is opened at once, without a ticket", () => {
  const close = openStream("/live", { on: {} });
  expect(urls()).toEqual(["/api/live"]);
  expect(asked).toEqual([]);
  close();
});

test("with a token each connection has a ticket of its own, and the token in no address", async () => {
  keepToken("0123456789abcdef");
  tickets = [ticket("one"), ticket("two")];
  const states: StreamState[] = [];
  const close = openStream("/live", { on: {}, onState: (state) => states.push(state) });
  await settle();
  expect(urls()).toEqual(["/api/live?ticket=one"]);
  newest()?.onopen?.();
  // The browser would try again with the ticket that is spent.
  newest()?.fail(0);
  expect(newest()?.readyState).toBe(FakeSource.CLOSED);
  await settle(RETRY_MS);
  expect(urls()).toEqual(["/api/live?ticket=one", "/api/live?ticket=two"]);
  expect(states).toEqual(["connecting", "open", "lost"]);
  expect(asked).toEqual(["POST /api/notifications/ticket", "POST /api/notifications/ticket"]);
  close();
});

test("a connection goes on behind the last event of the one before", async () => {
  keepToken("0123456789abcdef");
  tickets = [ticket("one"), ticket("two")];
  const heard: unknown[] = [];
  const close = openStream("/notifications/stream?userId=u", { on: { notification: (data) => heard.push(data) }, resumeBy: "lastSequence" });
  await settle();
  newest()?.dispatchEvent(new MessageEvent("notification", { data: '{"sequence":7}', lastEventId: "7" }));
  newest()?.fail(0);
  await settle(RETRY_MS);
  expect(heard).toEqual([{ sequence: 7 }]);
  expect(urls().at(-1)).toBe("/api/notifications/stream?userId=u&ticket=two&lastSequence=7");
  close();
});

test("where no ticket is to be had it is asked for again, later and later", async () => {
  keepToken("0123456789abcdef");
  tickets = [() => new Response(null, { status: 503 }), () => new Response(null, { status: 503 }), ticket("three")];
  const close = openStream("/live", { on: {} });
  await settle(RETRY_MS);
  expect(asked).toHaveLength(2);
  await settle(2 * RETRY_MS - 1);
  expect(asked).toHaveLength(2);
  await settle(1);
  expect(urls()).toEqual(["/api/live?ticket=three"]);
  close();
});

test("a ticket that comes after the end opens nothing", async () => {
  keepToken("0123456789abcdef");
  let give: (response: Response) => void = () => undefined;
  tickets = [() => new Promise<Response>((resolve) => (give = resolve))];
  const close = openStream("/live", { on: {} });
  await settle();
  close();
  give(ticket("late")());
  await settle(10_000);
  expect(urls()).toEqual([]);
});

test("a refused stream without a token asks why, and tries again as it was", async () => {
  const close = openStream("/live", { on: {} });
  newest()?.fail(FakeSource.CLOSED);
  await settle(RETRY_MS);
  expect(asked).toEqual(["GET /api/status"]);
  expect(urls()).toEqual(["/api/live", "/api/live"]);
  close();
});

test("a stream that the browser takes up again by itself is left to it", async () => {
  const close = openStream("/live", { on: {} });
  newest()?.fail(0);
  await settle(10_000);
  expect(urls()).toEqual(["/api/live"]);
  expect(asked).toEqual([]);
  close();
});
