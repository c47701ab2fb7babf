import { describe, expect, test } from "vitest";

import { ApiError, isRetryable, unwrap } from "./client";
import { appendLive, HISTORY_S_MAX, type LiveFeed } from "./live";
import type { LiveStatus } from "./types";

const failed = (status: number, error: unknown, headers: Record<string, string> = {}) => unwrap(Promise.resolve({ error, response: new Response(null, { status, headers }) })).catch((caught: unknown) => caught);

describe("an answer", () => {
  test("that is a problem keeps its words, fields and trace", async () => {
    const error = await failed(422, { type: "x", title: "Invalid", status: 422, detail: "no", errors: [{ field: "price", message: "above zero" }], traceId: "abc" });
    expect(error).toMatchObject({ status: 422, title: "Invalid", message: "no", traceId: "abc", fields: [{ field: "price", message: "above zero" }] });
  });

  test("from a proxy has at least a status, and the trace of its header", async () => {
    expect(await failed(502, "<html>", { "x-trace-id": "t1" })).toMatchObject({ status: 502, traceId: "t1" });
  });

  test("that never came can be asked for again", async () => {
    const error = await unwrap(Promise.reject(new TypeError("network"))).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(isRetryable(error)).toBe(true);
    expect(isRetryable(new ApiError(404, "Not found"))).toBe(false);
  });
});

describe("the live history", () => {
  const empty: LiveFeed = { state: "connecting", last: null, receivedAt: 0, history: [] };
  const message = (uptimeS: number) => ({ process: { uptimeS } }) as LiveStatus;

  test("forgets the oldest", () => {
    let feed = empty;
    for (let at = 0; at <= HISTORY_S_MAX + 5; at++) feed = appendLive(feed, message(at), at);
    expect(feed.history).toHaveLength(HISTORY_S_MAX);
    expect(feed.history[0]?.process.uptimeS).toBe(6);
  });

  test("begins anew when the server did", () => {
    const feed = appendLive(appendLive(empty, message(100), 1), message(3), 2);
    expect(feed.history).toHaveLength(1);
  });
});
