// One event's way from the click to the screen. Pure: times come in as numbers.

/** A way as far as it is known. */
export interface Journey {
  traceId: string;
  actionType: string;
  productName: string;
  /** The click, by this machine's wall clock, ms. */
  wallMs: number;
  /** The click, by the page's monotonic clock, ms. */
  startMs: number;
  status: "running" | "done" | "failed" | "unchanged";
  /** The 202 came back, monotonic ms. */
  answeredMs?: number;
  /** Server clock, ms. */
  acceptedAt?: number;
  loggedAt?: number;
  appliedAt?: number;
  /** The changed items were painted, monotonic ms. */
  visibleMs?: number;
}

export interface Stage {
  name: "accepted" | "logged" | "vector" | "visible";
  /** From the click, ms. */
  atMs: number;
  /** From the stage before, ms. */
  tookMs: number;
}

/**
 * The stages reached so far, in order, as offsets from the click.
 *
 * Server times are trusted as differences. Where the server's clock is not ours (its "accepted" lies before the
 * click, or after the answer), "accepted" is put in the middle of what the network took.
 */
export function stagesOf(journey: Journey): Stage[] {
  const { acceptedAt, loggedAt, appliedAt, answeredMs, startMs, wallMs, visibleMs } = journey;
  if (acceptedAt === undefined) return [];
  const ceiling = Math.max(0, (visibleMs ?? answeredMs ?? Infinity) - startMs);
  const server = (appliedAt ?? loggedAt ?? acceptedAt) - acceptedAt;
  let accepted = acceptedAt - wallMs;
  if (accepted < 0 || accepted + server > ceiling + 1) {
    const roundTrip = (answeredMs ?? startMs) - startMs;
    accepted = Math.max(0, (roundTrip - ((loggedAt ?? acceptedAt) - acceptedAt)) / 2);
  }
  const offsets: (readonly [Stage["name"], number])[] = [["accepted", accepted]];
  if (loggedAt !== undefined) offsets.push(["logged", accepted + loggedAt - acceptedAt]);
  if (appliedAt !== undefined) offsets.push(["vector", accepted + appliedAt - acceptedAt]);
  if (visibleMs !== undefined) offsets.push(["visible", visibleMs - startMs]);
  let before = 0;
  return offsets.map(([name, offset]) => {
    const atMs = Math.max(before, offset);
    const stage = { name, atMs, tookMs: atMs - before };
    before = atMs;
    return stage;
  });
}

export interface ListChange {
  /** Ids that were not there before. */
  entered: string[];
  /** Places gained (positive) or lost, by id; those that stayed put are left out. */
  moved: Map<string, number>;
}

export function compareLists(before: readonly string[], after: readonly string[]): ListChange {
  const places = new Map(before.map((id, at) => [id, at]));
  const entered: string[] = [];
  const moved = new Map<string, number>();
  after.forEach((id, at) => {
    const old = places.get(id);
    if (old === undefined) entered.push(id);
    else if (old !== at) moved.set(id, old - at);
  });
  return { entered, moved };
}

/** The middle of some numbers; 0 of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
