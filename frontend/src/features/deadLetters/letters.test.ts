import { expect, test } from "vitest";

import type { DeadLetterDetail } from "~/api/types";
import { parseDeadLetters } from "~/app/search";

import { draftOf, hexDump, parseDraft, SHOWN_BYTES } from "./letters";

const letter: DeadLetterDetail = { id: "0-17", reason: "MALFORMED", error: "ends too soon", topic: "user.action.v1", partition: 4, offset: 17, group: "behaviour", attempts: 1, failedAt: "2026-11-21T16:51:20.318Z", payloadBytes: 3, payload: "AEFi", key: "ann" };

test("a draft is an event, or says where it is none", () => {
  expect(parseDraft('{"userId": "ann"}')).toEqual({ event: { userId: "ann" } });
  for (const text of ["[]", "7", "null", '"text"']) expect(parseDraft(text)).toEqual({ wrong: "object" });
  expect(parseDraft('{\n  "a": 1\n  "b": 2\n}')).toEqual({ wrong: "json", line: 3, column: 3 });
  expect(parseDraft('{"a":')).toEqual({ wrong: "json", line: 1, column: 6 });
  // Some complaints of some browsers name no place.
  expect(parseDraft("nonsense")).toMatchObject({ wrong: "json" });
});

test("the editor starts with what the record says, or with what an action looks like", () => {
  expect(draftOf({ ...letter, event: { traceId: "t-1" } as unknown as Record<string, never> })).toBe('{\n  "traceId": "t-1"\n}');
  expect(parseDraft(draftOf(letter))).toMatchObject({ event: { userId: "ann", timestamp: letter.failedAt } });
  // Its id comes from REP.
  expect(draftOf(letter)).not.toContain("traceId");
  expect(parseDraft(draftOf({ ...letter, topic: "product.inventory.v1" }))).toEqual({ event: {} });
});

test("bytes are shown as hexadecimal and text, and not all of many", () => {
  expect(hexDump("AEFi")).toBe(`0000  00 41 62${" ".repeat(39)}  ·Ab`);
  expect(hexDump("")).toBe("");
  expect(hexDump(btoa("x".repeat(SHOWN_BYTES + 100))).split("\n")).toHaveLength(SHOWN_BYTES / 16);
});

test("what a link says is made sound", () => {
  expect(parseDeadLetters({ reason: "", topic: 7, letter: "0-17", force: true })).toEqual({ reason: undefined, topic: "7", letter: "0-17" });
});
