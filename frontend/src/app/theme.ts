import { remember } from "~/lib/storage";
import { Store, useStore } from "~/lib/store";

export type Theme = "light" | "dark";

// public/theme.js has set the attribute before the first paint.
const theme = new Store<Theme>(document.documentElement.dataset.theme === "dark" ? "dark" : "light");

export function useTheme(): Theme {
  return useStore(theme);
}

export function toggleTheme(): void {
  const next: Theme = theme.get() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  remember("theme", next);
  theme.set(next);
}
