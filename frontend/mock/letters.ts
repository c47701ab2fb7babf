// Dead letters of the made-up world: one that can be repaired, one that cannot be read, one whose store refused it.
import type { DeadLetterDetail, DeadLetterItem, Replayed } from "../src/api/types.ts";

const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const base64 = (bytes: string) => Buffer.from(bytes, "latin1").toString("base64");

function letter(id: string, minutes: number, rest: Pick<DeadLetterDetail, "key" | "reason" | "error" | "attempts"> & Partial<DeadLetterDetail>, bytes: string): DeadLetterDetail {
  return { id, topic: "user.action.v1", partition: 3, offset: 1200 + minutes, group: "behaviour", failedAt: at(minutes), payload: base64(bytes), payloadBytes: bytes.length, ...rest };
}

export const LETTERS: DeadLetterDetail[] = [
  letter("0-2", 4, { key: "u-0007", reason: "INVALID", error: "productId: must not be empty for ADD_TO_CART", attempts: 1, event: { traceId: "5c1f0a77e3b94d11", userId: "u-0007", actionType: "ADD_TO_CART", productId: "", timestamp: at(4), metadata: {} } as never }, "\0\0\0\0\u0001\u00205c1f0a77e3b94d11\u000cu-0007"),
  letter("0-1", 31, { key: "u-0021", reason: "BAD_MAGIC", error: "the first byte is 0x7b, expected 0x00", attempts: 1, decodeError: { reason: "BAD_MAGIC", message: "the first byte is 0x7b, expected 0x00", valueHex: "7b22757365724964" } }, '{"userId": "u-0021"}'),
  letter("0-0", 95, { key: "u-0003", topic: "notification.push.v1", group: "notify", reason: "REFUSED", error: "the inbox does not take it", attempts: 3, event: { notificationId: "n-77", userId: "u-0003", kind: "PRICE_DROP" } as never }, "\0\0\0\0\u0003\u0008n-77"),
];

export function listed(topic: string | null, reason: string | null): { items: DeadLetterItem[]; total: number } {
  const items = LETTERS.filter((one) => (!topic || one.topic === topic) && (!reason || one.reason === reason));
  return {
    // What is undefined does not go out.
    items: items.map((item) => ({ ...item, payload: undefined, event: undefined, decodeError: undefined })),
    total: LETTERS.length,
  };
}

/** Where a letter stands after a replay; `undefined` if it would only be dead-lettered again. */
export function replayed(one: DeadLetterDetail, request: { event?: unknown; force?: boolean } | undefined): Replayed | undefined {
  if (one.decodeError && !request?.event && !request?.force) return undefined;
  return { id: one.id, topic: one.topic, partition: one.partition, offset: one.offset + 5000 };
}
