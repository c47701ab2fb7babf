import { describe, expect, test } from "vitest";

import { ApiError, isRetryable, unwrap } from "./client";
import { appendLive, type LiveFeed, NO_FEED, POINTS_MAX, RECENT_MAX, withPast } from "./live";
import type { LivePoint, LiveStatus } from "./types";

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
  const at = (second: number) => new Date(second * 1000).toISOString();
  const message = (uptimeS: number) => ({ at: at(uptimeS), lag: [{ group: "a", lag: 1 }, { group: "b", lag: 2 }, { group: "a", lag: 4 }], process: { uptimeS } }) as LiveStatus;
  const points = (...seconds: number[]) => seconds.map((second) => ({ at: at(second) }) as LivePoint);
  const secondsOf = (merged: readonly LivePoint[]) => merged.map((point) => Date.parse(point.at) / 1000);

  test("forgets the oldest", () => {
    let feed: LiveFeed = NO_FEED;
    for (let second = 0; second <= POINTS_MAX + 5; second++) feed = appendLive(feed, message(second), second);
    expect([feed.points.length, feed.recent.length]).toEqual([POINTS_MAX, RECENT_MAX]);
    expect([feed.points[0]?.at, feed.recent.at(-1)?.at]).toEqual([at(6), at(POINTS_MAX + 5)]);
    expect(feed.points[0]?.lag).toEqual([{ group: "a", lag: 5 }, { group: "b", lag: 2 }]);
  });

  test("begins anew when the server did", () => {
    const feed = appendLive(appendLive(NO_FEED, message(100), 1), message(3), 2);
    expect([feed.points.length, feed.recent.length]).toEqual([1, 1]);
  });

  test("has what the server kept before the page opened", () => {
    expect(secondsOf(withPast(points(21, 22), points(5, 10, 15, 20)))).toEqual([5, 10, 15, 21, 22]);
    expect(secondsOf(withPast([], points(5, 10)))).toEqual([5, 10]);
    expect(secondsOf(withPast(points(5, 6), []))).toEqual([5, 6]);
  });

  test("has what the server kept while the page was away, and nothing twice", () => {
    expect(secondsOf(withPast(points(1, 2, 30, 31), points(0, 5, 10, 15, 20, 25, 30, 35)))).toEqual([1, 2, 5, 10, 15, 20, 25, 30, 31, 35]);
  });
});
