// What is worked out of a dead letter, without a page.
import type { DeadLetterDetail, Replayed } from "~/api/types";

/** Topics whose records can become dead letters. */
export const TOPICS = ["user.action.v1", "product.inventory.v1", "notification.push.v1"] as const;

/** Why records are set aside, as far as we know; a newer REP may know more. */
export const REASONS = ["INVALID", "REFUSED", "CORRUPT", "PANIC", "BAD_LENGTH", "BAD_MAGIC", "UNKNOWN_SCHEMA", "MALFORMED"] as const;
export type KnownReason = (typeof REASONS)[number];

export function knownReason(reason: string): KnownReason | undefined {
  return REASONS.find((one) => one === reason);
}

/** Replays by letter, with when they were: only what this page has done, for REP keeps no list of them. */
export type Replays = Readonly<Record<string, Replayed & { at: number }>>;

/** The field by which REP knows an event of the topic again. */
export const idField = (topic: string): "traceId" | "notificationId" => (topic === "notification.push.v1" ? "notificationId" : "traceId");

/** What the editor starts with: what the record says, else what an event of its topic looks like, as far as we know it. */
export function draftOf(letter: DeadLetterDetail): string {
  if (letter.event) return JSON.stringify(letter.event, null, 2);
  if (letter.topic !== "user.action.v1") return "{\n}";
  return JSON.stringify({ userId: letter.key ?? "", actionType: "VIEW", productId: "", searchQuery: null, sessionId: null, timestamp: letter.failedAt, metadata: {} }, null, 2);
}

export type Parsed = { event: Record<string, unknown> } | { wrong: "object" } | { wrong: "json"; line: number; column: number } | { wrong: "json"; message: string };

/** The event that a draft holds, or why it holds none. */
export function parseDraft(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const place = placeOf(message, text);
    return place ? { wrong: "json", ...place } : { wrong: "json", message };
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { event: value as Record<string, unknown> } : { wrong: "object" };
}

/** Where parsing stopped, in the words of whichever browser this is. */
function placeOf(message: string, text: string): { line: number; column: number } | undefined {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  if (line !== undefined && column !== undefined) return { line: Number(line), column: Number(column) };
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  const end = position === undefined ? (/end of JSON input|EOF/.test(message) ? text.length : undefined) : Number(position);
  if (end === undefined) return undefined;
  const before = text.slice(0, end).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

const ROW_BYTES = 16;
/** Bytes that are shown; the rest can be copied. */
export const SHOWN_BYTES = 512;

/** The beginning of bytes in Base64 as offset, hexadecimal and text, a row of 16 each. */
export function hexDump(base64: string): string {
  const bytes = Uint8Array.from(atob(base64).slice(0, SHOWN_BYTES), (char) => char.charCodeAt(0));
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    const row = [...bytes.subarray(at, at + ROW_BYTES)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    rows.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(ROW_BYTES * 3 - 1)}  ${text}`);
  }
  return rows.join("\n");
}
