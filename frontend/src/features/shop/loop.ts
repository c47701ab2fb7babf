// Act → 202 → the vector changed → new recommendations → painted. Outside React, so that it can be timed and tested.
import type { ActionType, EventResults, NewEvent, PreferenceChange, Recommendations } from "~/api/types";
import { newTraceId } from "~/lib/id";
import { Store } from "~/lib/store";

import { compareLists, type Journey, type ListChange } from "./journey";

/** What the loop needs of the world. */
export interface LoopPorts {
  post: (event: NewEvent) => Promise<EventResults>;
  recommend: (signal: AbortSignal) => Promise<Recommendations>;
  /** Calls `on` with each change of the shopper's vector; returns how to stop. */
  watch: (on: (change: PreferenceChange) => void, onOpen: (open: boolean) => void) => () => void;
  onError: (error: unknown) => void;
  wallMs: () => number;
  monotonicMs: () => number;
}

export interface LoopState {
  answer: Recommendations | null;
  error: unknown;
  /** Against the list before; null until there are two. */
  change: ListChange | null;
  /** What caused the newest change. */
  cause: Journey | null;
  /** The newest first. */
  journeys: readonly Journey[];
  /** Grows with each new list. */
  version: number;
  receivedAt: number;
}

export interface Act {
  actionType: ActionType;
  productId?: string;
  productName: string;
  searchQuery?: string;
}

const JOURNEYS_MAX = 24;
/** Without word from the stream we ask again after these pauses. */
const POLL_MS = [60, 120, 250, 500, 1000] as const;
const GIVE_UP_MS = 5000;

export class ShopLoop {
  readonly state = new Store<LoopState>({ answer: null, error: null, change: null, cause: null, journeys: [], version: 0, receivedAt: 0 });
  private stopWatch: (() => void) | undefined;
  private asking: AbortController | undefined;
  private streaming = false;
  /** The stream was open once: when it opens again, something may have been missed. */
  private streamed = false;
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(
    readonly userId: string,
    private readonly ports: LoopPorts,
  ) {}

  start(): void {
    this.stopWatch = this.ports.watch(
      (change) => void this.onChange(change),
      (open) => {
        this.streaming = open;
        if (open && (this.streamed || this.state.get().error !== null)) void this.refresh(null);
        this.streamed ||= open;
      },
    );
    void this.refresh(null);
  }

  stop(): void {
    this.stopWatch?.();
    this.asking?.abort();
    this.timers.forEach(clearTimeout);
    this.timers.clear();
  }

  readonly retry = (): void => void this.refresh(null);

  /** Sends one act of the shopper and follows it. */
  async act(act: Act): Promise<boolean> {
    const journey: Journey = { traceId: newTraceId(), actionType: act.actionType, productName: act.searchQuery ?? act.productName, wallMs: this.ports.wallMs(), startMs: this.ports.monotonicMs(), status: "running" };
    this.state.set((before) => ({ ...before, journeys: [journey, ...before.journeys].slice(0, JOURNEYS_MAX) }));
    try {
      const answer = await this.ports.post({
        traceId: journey.traceId,
        userId: this.userId,
        actionType: act.actionType,
        timestamp: new Date(journey.wallMs).toISOString(),
        ...(act.productId ? { productId: act.productId } : {}),
        ...(act.searchQuery ? { searchQuery: act.searchQuery } : {}),
      });
      const [result] = answer.results;
      if (result?.status === "rejected") throw new Error(result.errors?.map((one) => `${one.field}: ${one.message}`).join("; ") ?? "rejected");
      this.patch(journey.traceId, (known) => ({ answeredMs: this.ports.monotonicMs(), acceptedAt: Date.parse(answer.acceptedAt), loggedAt: known.loggedAt ?? Date.parse(answer.durableAt) }));
    } catch (error) {
      this.patch(journey.traceId, () => ({ status: "failed" }));
      this.ports.onError(error);
      return false;
    }
    if (!this.streaming) this.poll(journey.traceId, 0);
    this.later(GIVE_UP_MS, () => this.patch(journey.traceId, (known) => (known.status === "running" ? { status: "unchanged" } : {})));
    return true;
  }

  /** The list of that version is on the screen. */
  painted(version: number): void {
    const { journeys, version: shown } = this.state.get();
    if (version !== shown) return;
    const now = this.ports.monotonicMs();
    if (!journeys.some(isArriving)) return;
    this.state.set((before) => ({ ...before, journeys: before.journeys.map((journey) => (isArriving(journey) ? { ...journey, visibleMs: now, status: "done" } : journey)) }));
  }

  private async onChange(change: PreferenceChange): Promise<void> {
    this.patch(change.traceId, () => ({ loggedAt: Date.parse(change.loggedAt), appliedAt: Date.parse(change.appliedAt) }));
    await this.refresh(change.traceId);
  }

  private poll(traceId: string, round: number): void {
    const pause = POLL_MS[round];
    if (pause === undefined) return;
    this.later(pause, () => {
      const before = this.state.get().answer?.preference?.actionCount ?? 0;
      void this.refresh(traceId).then(() => {
        const after = this.state.get().answer?.preference?.actionCount ?? 0;
        if (after > before) this.patch(traceId, (known) => ({ appliedAt: known.appliedAt ?? known.loggedAt ?? this.ports.wallMs() }));
        else this.poll(traceId, round + 1);
      });
    });
  }

  private async refresh(causeId: string | null): Promise<void> {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    try {
      const answer = await this.ports.recommend(asking.signal);
      if (asking.signal.aborted) return;
      this.state.set((before) => {
        const cause = before.journeys.find((journey) => journey.traceId === causeId) ?? null;
        const ids = (list: Recommendations) => list.items.map((item) => item.productId);
        const change = before.answer && cause ? compareLists(ids(before.answer), ids(answer)) : null;
        return { ...before, answer, error: null, change: change ?? before.change, cause: cause ?? before.cause, version: before.version + 1, receivedAt: this.ports.wallMs() };
      });
    } catch (error) {
      if (asking.signal.aborted) return;
      this.state.set((before) => ({ ...before, error }));
    }
  }

  private patch(traceId: string, change: (journey: Journey) => Partial<Journey>): void {
    this.state.set((before) => ({ ...before, journeys: before.journeys.map((journey) => (journey.traceId === traceId ? { ...journey, ...change(journey) } : journey)) }));
  }

  private later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      run();
    }, ms);
    this.timers.add(timer);
  }
}

/** Its vector is applied, and it waits to be seen. */
function isArriving(journey: Journey): boolean {
  return journey.status === "running" && journey.appliedAt !== undefined;
}
