import { Store, useStore } from "./store";

const TICK_MS = 1000;

const now = new Store<number>(Date.now(), () => {
  const timer = setInterval(() => now.set(Date.now()), TICK_MS);
  return () => clearInterval(timer);
});

/** The time, once a second, from one timer for the whole page. */
export function useNow(): number {
  return useStore(now);
}
