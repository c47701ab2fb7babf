// Who the visitor is: a shopper of their own, remembered by this browser.
import { newTraceId } from "~/lib/id";
import { recall, remember } from "~/lib/storage";
import { Store, useStore } from "~/lib/store";

const KEY = "shopper";

/** An id that no simulated shopper has. */
export function newShopperId(): string {
  return `guest-${newTraceId().slice(0, 6)}`;
}

function first(): string {
  const known = recall(KEY);
  if (known) return known;
  const fresh = newShopperId();
  remember(KEY, fresh);
  return fresh;
}

const shopper = new Store(first());

export function useShopper(): string {
  return useStore(shopper);
}

export function becomeShopper(userId: string): void {
  remember(KEY, userId);
  shopper.set(userId);
}
