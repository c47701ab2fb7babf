// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

import type { Replayed } from "~/api/types";
import { setLanguage, startI18n } from "~/i18n";

import { LetterPanel } from "./LetterPanel";

const EVENT = { traceId: "t-1", userId: "ann", actionType: "SEARCH", timestamp: "2025-11-20T16:51:20.314Z" };
const LETTER = { id: "0-17", reason: "INVALID", error: "`timestamp` is too old", topic: "user.action.v1", partition: 4, offset: 17, group: "behaviour", attempts: 1, failedAt: "2026-11-21T16:51:20.318Z", payloadBytes: 3, payload: "AEFi", key: "ann" };
const PLACE: Replayed = { id: "0-17", topic: "user.action.v1", partition: 4, offset: 99 };

interface Sent {
  key: string | null;
  body: unknown;
}

let shown: object;
let answers: (() => Response)[];
let sent: Sent[];

const problem = (status: number, detail: string, errors?: object[]) => () => Response.json({ type: "urn:rep:problem:x", title: "Conflict", status, detail, traceId: "4bf92f3577b34da6", errors }, { status });
const done = () => Response.json(PLACE);

beforeAll(() => startI18n());

beforeEach(() => {
  shown = { ...LETTER, event: EVENT };
  sent = [];
  answers = [done];
  vi.stubGlobal("fetch", async (request: Request) => {
    if (request.method === "GET") return Response.json(shown);
    const text = await request.text();
    sent.push({ key: request.headers.get("idempotency-key"), body: JSON.parse(text) });
    const answer = answers.shift();
    if (!answer) throw new TypeError("nobody there");
    return answer();
  });
});

afterEach(async () => {
  cleanup();
  await setLanguage("en");
  vi.unstubAllGlobals();
});

function Panel() {
  const [replayed, setReplayed] = useState<Replayed & { at: number }>();
  const [draft, setDraft] = useState<string>();
  return <LetterPanel id="0-17" replayed={replayed} onReplayed={(one) => setReplayed({ ...one, at: Date.now() })} draft={draft} onDraft={setDraft} onClose={() => undefined} />;
}

function show(): UserEvent {
  const client = new QueryClient({ defaultOptions: { mutations: { retryDelay: 1 } } });
  render(<QueryClientProvider client={client}><Panel /></QueryClientProvider>);
  return userEvent.setup();
}

const button = (name: string) => screen.findByRole("button", { name });
const editor = () => screen.getByLabelText<HTMLTextAreaElement>("Repaired event, as JSON");

async function rewrite(user: UserEvent, text: string): Promise<void> {
  await user.clear(editor());
  await user.click(editor());
  await user.paste(text);
}

test("a record is replayed as it was, and its new place is told", async () => {
  const user = show();
  expect((await screen.findByRole("region", { name: "What the record says" })).textContent).toContain('"userId": "ann"');
  await user.click(await button("Replay as it was"));
  expect((await screen.findByRole("status")).textContent).toContain("partition 4, offset 99");
  expect(screen.getByText(/the letter stays in the list/)).toBeTruthy();
  expect(sent).toHaveLength(1);
  expect(sent[0]?.body).toEqual({});
  expect(sent[0]?.key).toMatch(/^[0-9a-f]{32}$/);
});

test("a press has one key, however often it is sent; the next press has another", async () => {
  answers = [problem(503, "full"), problem(503, "full"), done, done];
  const user = show();
  await user.click(await button("Replay as it was"));
  await screen.findByRole("status");
  await user.click(await button("Replay as it was"));
  await vi.waitFor(() => expect(sent).toHaveLength(4));
  const [first, second, third, fourth] = sent.map((one) => one.key);
  expect([second, third]).toEqual([first, first]);
  expect(fourth).not.toBe(first);
});

test("what no answer came to is sent again with the same key", async () => {
  answers = [];
  const user = show();
  await user.click(await button("Replay as it was"));
  expect((await screen.findByRole("alert")).textContent).toContain("The server does not answer");
  answers = [done];
  await user.click(await button("Try again"));
  await screen.findByRole("status");
  expect(new Set(sent.map((one) => one.key)).size).toBe(1);
});

test("what would be dead-lettered again is explained, and goes only by an explicit press", async () => {
  answers = [problem(409, "dead letter `0-17` would be dead-lettered again: `timestamp` is too old"), done];
  const user = show();
  await user.click(await button("Replay as it was"));
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("would be dead-lettered again: timestamp is too old");
  expect(alert.textContent).toContain("probably comes back here");
  await user.click(await button("Replay all the same"));
  await screen.findByRole("status");
  expect(sent.map((one) => one.body)).toEqual([{}, { force: true }]);
  expect(sent[1]?.key).not.toBe(sent[0]?.key);
});

test("what cannot be forced offers no more of it", async () => {
  answers = [problem(409, "of a topic which is unknown"), problem(409, "of a topic which is unknown")];
  const user = show();
  await user.click(await button("Replay as it was"));
  await user.click(await button("Replay all the same"));
  await screen.findByText("This cannot be forced.");
  expect(screen.queryByRole("button", { name: "Replay all the same" })).toBeNull();
});

test("a repair is checked here first, then by the API field by field, then goes", async () => {
  const user = show();
  await user.click(await button("Repair it first"));
  expect(document.activeElement).toBe(editor());
  expect(JSON.parse(editor().value)).toEqual(EVENT);

  await rewrite(user, '{\n  "traceId": "t-1"\n  "userId": "ann"\n}');
  await user.click(await button("Replay the repaired event"));
  expect((await screen.findByText(/look at line 3, column 3/)).closest("[role=alert]")?.id).toBe(editor().getAttribute("aria-describedby")?.split(" ")[1]);
  expect(editor().getAttribute("aria-invalid")).toBe("true");
  expect(document.activeElement).toBe(editor());
  await rewrite(user, "[]");
  expect(screen.getByText(/An event is an object/)).toBeTruthy();
  expect(sent).toEqual([]);

  const other = { ...EVENT, traceId: "t-2", timestamp: "2026-11-21T16:51:20.318Z" };
  answers = [problem(400, "no", [{ field: "event.traceId", message: "must stay `t-1`: the same event has its effect once" }]), done];
  await rewrite(user, JSON.stringify(other));
  await user.click(await button("Replay the repaired event"));
  await vi.waitFor(() => expect(screen.getByRole("alert").textContent).toBe("event.traceId must stay t-1: the same event has its effect once"));

  const good = { ...other, traceId: "t-1" };
  await rewrite(user, JSON.stringify(good));
  // What was said was said of the text before.
  expect(screen.getByRole("alert").textContent).toBe("");
  await user.click(await button("Replay the repaired event"));
  expect((await screen.findByRole("status")).textContent).toContain("offset 99");
  expect(sent.map((one) => one.body)).toEqual([{ event: other }, { event: good }]);
});

test("a repair that would be dead-lettered again goes by force, as it is written", async () => {
  answers = [problem(409, "would be dead-lettered again"), done];
  const user = show();
  await user.click(await button("Repair it first"));
  await user.click(await button("Replay the repaired event"));
  await user.click(await button("Replay all the same"));
  await vi.waitFor(() => expect(sent).toHaveLength(2));
  expect(sent[1]?.body).toEqual({ force: true, event: EVENT });
});

test("bytes that are no event are shown as bytes, with why, in Korean too", async () => {
  shown = { ...LETTER, reason: "MALFORMED", decodeError: { reason: "MALFORMED", message: "ends too soon" }, payloadBytes: 2_000_000, cutFromSha256: "ab".repeat(32) };
  await setLanguage("ko");
  const user = show();
  expect((await screen.findByRole("region", { name: "페이로드" })).textContent).toContain("00 41 62");
  expect(screen.getByText("ends too soon")).toBeTruthy();
  expect(screen.getByText("ab".repeat(32))).toBeTruthy();
  await user.click(await button("먼저 고치기"));
  expect(screen.getByLabelText<HTMLTextAreaElement>("고친 이벤트 (JSON)").value).toContain('"userId": "ann"');
});
