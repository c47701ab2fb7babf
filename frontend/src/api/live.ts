// The platform's state once a second, over one connection for the whole page, and what it was before the page opened.
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { Store, useStore } from "~/lib/store";

import { liveHistoryQuery } from "./queries";
import { openStream, type StreamState } from "./stream";
import type { LivePoint, LiveStatus } from "./types";

/** Points that a page keeps: 15 minutes of one a second. */
export const POINTS_MAX = 900;
/** Messages that are kept whole: what single partitions did lately. */
export const RECENT_MAX = 120;
/** A point of the server's stands for what lies this near to it. Half of the time between two of them. */
const NEAR_MS = 2500;

export interface LiveFeed {
  state: StreamState;
  /** The newest message. */
  last: LiveStatus | null;
  /** When it came, by this machine's clock. */
  receivedAt: number;
  /** What charts draw of the messages since the page opened, the oldest first, at most `POINTS_MAX`. */
  points: readonly LivePoint[];
  /** The last messages, at most `RECENT_MAX`. */
  recent: readonly LiveStatus[];
}

export const NO_FEED: LiveFeed = { state: "connecting", last: null, receivedAt: 0, points: [], recent: [] };

const feed = new Store<LiveFeed>(NO_FEED, () => {
  const close = openStream("/live", {
    on: { live: (data) => data && feed.set((before) => appendLive(before, data as LiveStatus, Date.now())) },
    onState: (state) => feed.set((before) => ({ ...before, state })),
  });
  return () => {
    close();
    // Nobody looks any more: whoever signs in next sees nothing of before.
    feed.set(NO_FEED);
  };
});

/** Adds a message, forgetting the oldest; a server that restarted starts a new history. */
export function appendLive(before: LiveFeed, message: LiveStatus, receivedAt: number): LiveFeed {
  const restarted = before.last !== null && message.process.uptimeS < before.last.process.uptimeS;
  const add = <T>(known: readonly T[], one: T, most: number): T[] => (restarted ? [one] : [...(known.length >= most ? known.slice(1 - most) : known), one]);
  return { ...before, state: "open", last: message, receivedAt, points: add(before.points, pointOf(message), POINTS_MAX), recent: add(before.recent, message, RECENT_MAX) };
}

/** What charts draw of a message. */
function pointOf({ at, rates, lag, latencyMs, simulator }: LiveStatus): LivePoint {
  const groups = new Map<string, number>();
  for (const one of lag) groups.set(one.group, (groups.get(one.group) ?? 0) + one.lag);
  return { at, rates, lag: [...groups].map(([group, sum]) => ({ group, lag: sum })), latencyMs, ...(simulator ? { simulator } : {}) };
}

/** What the server kept where the page has nothing of its own, the oldest first: before it opened, and while it was away. */
export function withPast(points: readonly LivePoint[], past: readonly LivePoint[]): readonly LivePoint[] {
  if (past.length === 0) return points;
  const merged: LivePoint[] = [];
  let next = 0;
  let own = points[0];
  let ownMs = own ? Date.parse(own.at) : Infinity;
  let beforeMs = -Infinity;
  const takeOwn = () => {
    if (own) merged.push(own);
    beforeMs = ownMs;
    own = points[++next];
    ownMs = own ? Date.parse(own.at) : Infinity;
  };
  for (const point of past) {
    const ms = Date.parse(point.at);
    while (ownMs <= ms) takeOwn();
    if (ms - beforeMs > NEAR_MS && ownMs - ms > NEAR_MS) merged.push(point);
  }
  while (own) takeOwn();
  return merged;
}

export function useLive(): LiveFeed {
  return useStore(feed);
}

/** The points of the last minutes: those that the server kept, then those that came. */
export function useLivePoints(): readonly LivePoint[] {
  const { points } = useLive();
  const { data } = useQuery(liveHistoryQuery);
  return useMemo(() => withPast(points, data?.points ?? []), [points, data]);
}
