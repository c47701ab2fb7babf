import { useNavigate } from "@tanstack/react-router";
import { useEffect, useEffectEvent } from "react";

import { ALL_PAGES } from "./pages";
import { toggleTheme } from "./theme";

const CHORD_MS = 1200;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/** The keys that work everywhere: `?`, `/`, `t`, and `g` with a page's letter. */
export function useKeys(onHelp: () => void): void {
  const navigate = useNavigate();
  // Not a dependency: a listener put up anew at each render would forget a `g` that was just pressed.
  const help = useEffectEvent(onHelp);
  useEffect(() => {
    let chordUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const page = performance.now() < chordUntil ? ALL_PAGES.find((one) => one.key === event.key) : undefined;
      chordUntil = 0;
      if (page) void navigate({ to: page.to });
      else if (event.key === "g") chordUntil = performance.now() + CHORD_MS;
      else if (event.key === "?") help();
      else if (event.key === "t") toggleTheme();
      else if (event.key === "/") document.querySelector<HTMLInputElement>("[data-search]")?.focus();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate]);
}
