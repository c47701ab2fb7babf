import { api, API_BASE, takeTicket } from "./client";
import { hasToken } from "./session";

export type StreamState = "connecting" | "open" | "lost";

export interface StreamOptions {
  /** By event name: what to do with its data. */
  on: Record<string, (data: unknown) => void>;
  onState?: (state: StreamState) => void;
  /** The parameter that takes the id of the last event that came, so that nothing between two connections is missed. */
  resumeBy?: string;
}

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 8000;
const HIDDEN_GRACE_MS = 20_000;

/**
 * Opens a server-sent event stream and keeps it open until the returned function is called.
 *
 * It reconnects by itself, with a growing pause. A hidden tab lets go of its connection after a while: a browser
 * grants a host six in all, and other tabs need theirs. Who is signed in takes a ticket for each connection.
 */
export function openStream(path: string, { on, onState, resumeBy }: StreamOptions): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let hide: ReturnType<typeof setTimeout> | undefined;
  let pause = RETRY_MIN_MS;
  let stopped = false;
  let lastId = "";
  // Counts the openings: a ticket for an earlier one comes too late.
  let opening = 0;

  const close = () => {
    opening++;
    source?.close();
    source = undefined;
    clearTimeout(retry);
  };

  const openLater = () => {
    retry = setTimeout(open, pause);
    pause = Math.min(pause * 2, RETRY_MAX_MS);
  };

  const open = () => {
    close();
    if (stopped) return;
    if (!hasToken()) {
      connect();
      return;
    }
    const own = opening;
    takeTicket().then(
      (ticket) => own === opening && connect(ticket),
      () => {
        if (own !== opening) return;
        onState?.("lost");
        openLater();
      },
    );
  };

  const connect = (ticket?: string) => {
    const opened = new EventSource(addressOf(path, { ...(ticket ? { ticket } : {}), ...(resumeBy && lastId ? { [resumeBy]: lastId } : {}) }));
    source = opened;
    opened.onopen = () => {
      pause = RETRY_MIN_MS;
      onState?.("open");
    };
    opened.onerror = () => {
      onState?.("lost");
      if (ticket === undefined) {
        // While CONNECTING the browser retries by itself; CLOSED means it gave up (a status that is not 200).
        if (opened.readyState !== EventSource.CLOSED) return;
        askWhy();
      }
      // A ticket is good for one connection: the browser's own retry could only fail.
      opened.close();
      openLater();
    };
    for (const [name, handle] of Object.entries(on)) {
      opened.addEventListener(name, (event: MessageEvent<string>) => {
        lastId = event.lastEventId;
        handle(parse(event.data));
      });
    }
  };

  const onVisibility = () => {
    clearTimeout(hide);
    if (document.hidden) {
      hide = setTimeout(() => {
        close();
        // Who comes back after a while sees what is; all that was meanwhile would come at once.
        lastId = "";
      }, HIDDEN_GRACE_MS);
    } else if (!source) {
      onState?.("connecting");
      open();
    }
  };

  onState?.("connecting");
  document.addEventListener("visibilitychange", onVisibility);
  open();
  return () => {
    stopped = true;
    document.removeEventListener("visibilitychange", onVisibility);
    clearTimeout(hide);
    close();
  };
}

function addressOf(path: string, query: Record<string, string>): string {
  const more = new URLSearchParams(query).toString();
  return API_BASE + path + (more && (path.includes("?") ? "&" : "?") + more);
}

/** A stream does not tell why it was refused. If it is for want of a token, this answer says so, and the sign-in is shown. */
function askWhy(): void {
  void api.GET("/status").catch(() => undefined);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
