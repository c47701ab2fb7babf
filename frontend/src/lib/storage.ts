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

/** The same for this tab alone, until it is closed; `null` forgets. */
export function rememberInTab(key: string, value: string | null): void {
  try {
    if (value === null) sessionStorage.removeItem(`rep.${key}`);
    else sessionStorage.setItem(`rep.${key}`, value);
  } catch {
    // As above: then it lasts as long as the page.
  }
}

export function recallInTab(key: string): string | null {
  try {
    return sessionStorage.getItem(`rep.${key}`);
  } catch {
    return null;
  }
}
