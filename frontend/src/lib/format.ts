// Numbers, money and times as people read them, in the page's language.

export type Locale = "en" | "ko";

/** What stands where nothing was measured. */
export const NONE = "—";

const cache = new Map<string, Intl.NumberFormat>();

function formatter(locale: Locale, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  let found = cache.get(key);
  if (!found) cache.set(key, (found = new Intl.NumberFormat(locale, options)));
  return found;
}

/** `12,345`, or with `digits` decimals. */
export function formatNumber(value: number, locale: Locale, digits = 0): string {
  return formatter(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value + 0); // -0 + 0 is 0
}

/** `1.2k`, `3.4M`: for axes and narrow places. */
export function formatCompact(value: number, locale: Locale): string {
  if (Math.abs(value) < 1000) return formatNumber(value, locale, Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1);
  return formatter(locale, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** A rate per second: one decimal below ten, none above. */
export function formatRate(value: number, locale: Locale): string {
  return formatNumber(value, locale, value > 0 && value < 9.95 ? 1 : 0);
}

/** Milliseconds as `0.8 ms`, `12 ms`, `1.4 s`. */
export function formatMs(value: number, locale: Locale): string {
  if (value >= 10_000) return `${formatNumber(value / 1000, locale, 0)} s`;
  if (value >= 1000) return `${formatNumber(value / 1000, locale, 1)} s`;
  return `${formatNumber(value, locale, value < 9.95 ? 1 : 0)} ms`;
}

/** A decimal string and its currency: `€19.90`. */
export function formatMoney(amount: string, currency: string, locale: Locale): string {
  const value = Number(amount);
  if (!Number.isFinite(value)) return `${amount} ${currency}`;
  try {
    return formatter(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(value);
  } catch {
    return `${amount} ${currency}`;
  }
}

/** `612 MB`. */
export function formatBytes(value: number, locale: Locale): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let rest = value;
  while (rest >= 1000 && at < units.length - 1) {
    rest /= 1000;
    at += 1;
  }
  return `${formatNumber(rest, locale, rest < 10 && at > 0 ? 1 : 0)} ${units[at] ?? ""}`;
}

/** How long ago, by the largest fitting unit: `3 s ago`, `2 min ago`. */
export function formatAgo(thenMs: number, nowMs: number, locale: Locale): string {
  const seconds = Math.max(0, Math.round((nowMs - thenMs) / 1000));
  const relative = new Intl.RelativeTimeFormat(locale, { style: "narrow", numeric: "always" });
  if (seconds < 60) return relative.format(-seconds, "second");
  if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86_400) return relative.format(-Math.floor(seconds / 3600), "hour");
  return relative.format(-Math.floor(seconds / 86_400), "day");
}

/** A length of time: `2 h 05 min`, `41 s`. */
export function formatUptime(seconds: number): string {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

/** Clock time with seconds. */
export function formatTime(ms: number, locale: Locale): string {
  return new Date(ms).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** `price` less `percent`, kept a decimal string with the same number of decimals. */
export function lessPercent(price: string, percent: number): string {
  const digits = price.split(".")[1]?.length ?? 0;
  return (Number(price) * (1 - percent / 100)).toFixed(digits);
}
