import type { IconName } from "~/ui/Icon";

/** The pages, in the order of the rail, and the key that follows `g`. */
export const PAGES = [
  { name: "shop", to: "/", key: "s", icon: "shop" },
  { name: "recommendations", to: "/recommendations", key: "r", icon: "spark" },
  { name: "live", to: "/live", key: "l", icon: "pulse" },
  { name: "simulator", to: "/simulator", key: "m", icon: "people" },
  { name: "notifications", to: "/notifications", key: "n", icon: "bell" },
] as const satisfies readonly { name: string; to: string; key: string; icon: IconName }[];

/** Those that are reached from another page, with their keys. */
export const DEEPER_PAGES = [{ name: "deadLetters", to: "/live/dead-letters", key: "d" }] as const satisfies readonly { name: string; to: string; key: string }[];

export const ALL_PAGES = [...PAGES, ...DEEPER_PAGES] as const;
