import { type RefObject, useLayoutEffect, useRef } from "react";

interface Spot {
  x: number;
  y: number;
}

const MOVE_MS = 460;
const ENTER_MS = 380;

/**
 * Lets the children of a list slide from where they were to where they are (first, last, invert, play).
 *
 * Children carry `data-flip="key"`. Runs only when `keys` changes; does nothing for people who want less motion.
 */
export function useFlip(list: RefObject<HTMLElement | null>, keys: string): void {
  const before = useRef<Map<string, Spot> | null>(null);

  useLayoutEffect(() => {
    const root = list.current;
    if (!root) return;
    const spots = new Map<string, Spot>();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const child of root.querySelectorAll<HTMLElement>("[data-flip]")) {
      const key = child.dataset.flip ?? "";
      const spot = { x: child.offsetLeft, y: child.offsetTop };
      spots.set(key, spot);
      if (still || before.current === null) continue;
      const old = before.current.get(key);
      if (!old) {
        child.animate([{ opacity: 0, transform: "translateX(24px)" }, { opacity: 1, transform: "none" }], { duration: ENTER_MS, easing: "cubic-bezier(.2,.8,.2,1)", fill: "backwards" });
      } else if (old.x !== spot.x || old.y !== spot.y) {
        child.animate([{ transform: `translate(${old.x - spot.x}px, ${old.y - spot.y}px)` }, { transform: "none" }], { duration: MOVE_MS, easing: "cubic-bezier(.2,.8,.2,1)" });
      }
    }
    before.current = spots;
  }, [list, keys]);
}
