import { useEffect, useEffectEvent } from "react";

/** Calls `close` on Escape, unless something above (a popover, a dialog) or a field has its own use for the key. */
export function useEscape(close: () => void): void {
  const onEscape = useEffectEvent(close);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (document.querySelector("dialog[open]") || ((event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) && event.target.value !== "")) return;
      onEscape();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
