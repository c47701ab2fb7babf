// What the address of each page holds. Whatever a link says, these make it sound.

type Raw = Record<string, unknown>;

const text = (raw: unknown): string | undefined => (typeof raw === "string" && raw !== "" ? raw : typeof raw === "number" ? String(raw) : undefined);

function within(raw: unknown, min: number, max: number): number | undefined {
  const value = Number(raw);
  return raw !== undefined && raw !== "" && Number.isFinite(value) ? Math.min(max, Math.max(min, Math.round(value))) : undefined;
}

/** Digits and separators, kept as they were typed: whether they are an amount, the API says. */
function amount(raw: unknown): string | undefined {
  const value = text(raw);
  return value !== undefined && /^[\d.,]{1,24}$/.test(value) ? value : undefined;
}

/** Three letters. */
function currency(raw: unknown): string | undefined {
  const value = text(raw);
  return value !== undefined && /^[a-z]{3}$/i.test(value) ? value.toUpperCase() : undefined;
}

/** A value of the address. Numbers stay texts: `2.000` is not 2. */
export function parseValue(value: string): unknown {
  const parsed: unknown = JSON.parse(value);
  if (typeof parsed === "number") throw new SyntaxError("kept as it was typed");
  return parsed;
}

const yes = (raw: unknown): true | undefined => (raw === true || raw === "true" ? true : undefined);

export interface ShopSearch {
  category?: string | undefined;
  q?: string | undefined;
  /** The product looked at. */
  item?: string | undefined;
}

export const parseShop = (raw: Raw): ShopSearch => ({ category: text(raw.category), q: text(raw.q), item: text(raw.item) });

export interface RecommendationsSearch {
  by?: "query" | undefined;
  user?: string | undefined;
  /** The shopper to compare with. */
  vs?: string | undefined;
  q?: string | undefined;
  category?: string | undefined;
  min?: string | undefined;
  max?: string | undefined;
  /** Of both prices; the shop's if not named. */
  currency?: string | undefined;
  stock?: true | undefined;
  limit?: number | undefined;
  item?: string | undefined;
}

export const parseRecommendations = (raw: Raw): RecommendationsSearch => ({
  by: raw.by === "query" ? "query" : undefined,
  user: text(raw.user),
  vs: text(raw.vs),
  q: text(raw.q),
  category: text(raw.category),
  min: amount(raw.min),
  max: amount(raw.max),
  currency: currency(raw.currency),
  stock: yes(raw.stock),
  limit: within(raw.limit, 1, 100),
  item: text(raw.item),
});

export const WINDOWS_MIN = [1, 5, 15] as const;
export const STAGES = ["freshness", "append", "vector", "recommend", "notify"] as const;
export type StageName = (typeof STAGES)[number];

export interface LiveSearch {
  minutes?: number | undefined;
  stage?: StageName | undefined;
  /** `topic:partition` of the row that is open. */
  row?: string | undefined;
}

export const parseLive = (raw: Raw): LiveSearch => ({
  minutes: WINDOWS_MIN.find((minutes) => minutes === Number(raw.minutes)),
  stage: STAGES.find((stage) => stage === raw.stage),
  row: text(raw.row),
});

export interface DeadLettersSearch {
  topic?: string | undefined;
  reason?: string | undefined;
  /** The letter that is open. */
  letter?: string | undefined;
}

export const parseDeadLetters = (raw: Raw): DeadLettersSearch => ({ topic: text(raw.topic), reason: text(raw.reason), letter: text(raw.letter) });

export interface NotificationsSearch {
  /** The product to change. */
  product?: string | undefined;
  open?: string | undefined;
}

export const parseNotifications = (raw: Raw): NotificationsSearch => ({ product: text(raw.product), open: text(raw.open) });
