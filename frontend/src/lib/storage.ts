/** What the browser remembers; nothing, where it refuses. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`rep.${key}`, value);
  } catch {
    // Private windows may refuse storage: then the choice lasts as long as the page.
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`rep.${key}`);
  } catch {
    return null;
  }
}
