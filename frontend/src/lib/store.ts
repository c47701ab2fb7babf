import { useSyncExternalStore } from "react";

/**
 * A value outside React that components can watch.
 *
 * `whileWatched` runs when the first watcher comes; what it returns runs when the last one has gone.
 */
export class Store<T> {
  private readonly listeners = new Set<() => void>();
  private value: T;
  private readonly whileWatched: (() => () => void) | undefined;
  private unwatch: (() => void) | undefined;

  constructor(initial: T, whileWatched?: () => () => void) {
    this.value = initial;
    this.whileWatched = whileWatched;
  }

  readonly get = (): T => this.value;

  readonly set = (next: T | ((before: T) => T)): void => {
    const value = typeof next === "function" ? (next as (before: T) => T)(this.value) : next;
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of this.listeners) listener();
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.unwatch = this.whileWatched?.();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.unwatch?.();
    };
  };
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}
