// The platform's state once a second, over one connection for the whole page.
import { Store, useStore } from "~/lib/store";

import { openStream, type StreamState } from "./stream";
import type { LiveStatus } from "./types";

export const HISTORY_S_MAX = 900;

export interface LiveFeed {
  state: StreamState;
  /** The newest message. */
  last: LiveStatus | null;
  /** When it came, by this machine's clock. */
  receivedAt: number;
  /** Up to `HISTORY_S_MAX` messages, the oldest first. */
  history: readonly LiveStatus[];
}

const nothing: LiveFeed = { state: "connecting", last: null, receivedAt: 0, history: [] };

const feed = new Store<LiveFeed>(nothing, () => {
  const close = openStream("/live", {
    on: { live: (data) => data && feed.set((before) => appendLive(before, data as LiveStatus, Date.now())) },
    onState: (state) => feed.set((before) => ({ ...before, state })),
  });
  return () => {
    close();
    // Nobody looks any more: whoever signs in next sees nothing of before.
    feed.set(nothing);
  };
});

/** Adds a message, forgetting the oldest; a server that restarted starts a new history. */
export function appendLive(before: LiveFeed, message: LiveStatus, receivedAt: number): LiveFeed {
  const restarted = before.last !== null && message.process.uptimeS < before.last.process.uptimeS;
  const kept = restarted ? [] : before.history.length >= HISTORY_S_MAX ? before.history.slice(1 - HISTORY_S_MAX) : before.history;
  return { ...before, state: "open", last: message, receivedAt, history: [...kept, message] };
}

export function useLive(): LiveFeed {
  return useStore(feed);
}
