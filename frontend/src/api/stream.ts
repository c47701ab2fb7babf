import { API_BASE } from "./client";

export type StreamState = "connecting" | "open" | "lost";

export interface StreamOptions {
  /** By event name: what to do with its data. */
  on: Record<string, (data: unknown) => void>;
  onState?: (state: StreamState) => void;
}

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 8000;
const HIDDEN_GRACE_MS = 20_000;

/**
 * Opens a server-sent event stream and keeps it open until the returned function is called.
 *
 * It reconnects by itself, with a growing pause. A hidden tab lets go of its connection after a while: a browser
 * grants a host six in all, and other tabs need theirs.
 */
export function openStream(path: string, { on, onState }: StreamOptions): () => void {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let hide: ReturnType<typeof setTimeout> | undefined;
  let pause = RETRY_MIN_MS;
  let stopped = false;

  const close = () => {
    source?.close();
    source = undefined;
    clearTimeout(retry);
  };

  const open = () => {
    close();
    if (stopped) return;
    const opened = new EventSource(API_BASE + path);
    source = opened;
    opened.onopen = () => {
      pause = RETRY_MIN_MS;
      onState?.("open");
    };
    opened.onerror = () => {
      onState?.("lost");
      // While CONNECTING the browser retries by itself; CLOSED means it gave up (a status that is not 200).
      if (opened.readyState !== EventSource.CLOSED) return;
      retry = setTimeout(open, pause);
      pause = Math.min(pause * 2, RETRY_MAX_MS);
    };
    for (const [name, handle] of Object.entries(on)) {
      opened.addEventListener(name, (event: MessageEvent<string>) => handle(parse(event.data)));
    }
  };

  const onVisibility = () => {
    clearTimeout(hide);
    if (document.hidden) hide = setTimeout(close, HIDDEN_GRACE_MS);
    else if (!source) {
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
