// @vitest-environment jsdom
import { afterEach, describe, expect, test, vi } from "vitest";

import { ApiError, curlOf, signIn } from "./client";
import { hasToken, keepToken, send, signOut } from "./session";

const TOKEN = "0123456789abcdef";
const request = () => new Request("http://rep.test/api/users");

/** REP with `token`, or without one; what it was sent, in order. */
function serve(token: string | null, refusal = 401) {
  const sent: Request[] = [];
  vi.stubGlobal("fetch", (asked: Request) => {
    sent.push(asked);
    const good = token === null || asked.headers.get("authorization") === `Bearer ${token}`;
    return Promise.resolve(good ? Response.json({}) : Response.json({ title: "A valid token is required", status: refusal }, { status: refusal }));
  });
  return sent;
}

afterEach(() => {
  signOut();
  vi.unstubAllGlobals();
});

describe("a request", () => {
  test("carries no token where none was asked for", async () => {
    const sent = serve(null);
    await send(request());
    expect(sent[0]?.headers.has("authorization")).toBe(false);
  });

  test("carries the token in its header, and nowhere else", async () => {
    const sent = serve(TOKEN);
    keepToken(TOKEN);
    expect((await send(request())).status).toBe(200);
    expect(sent[0]?.headers.get("authorization")).toBe(`Bearer ${TOKEN}`);
    expect(sent[0]?.url).not.toContain(TOKEN);
  });

  test("that is refused ends the session", async () => {
    serve("another token, of now");
    keepToken(TOKEN);
    await send(request());
    expect(hasToken()).toBe(false);
    expect(sessionStorage).toHaveLength(0);
  });

  test("that was sent before the sign-in does not end the session when it is refused after it", async () => {
    let answer: (response: Response) => void = () => undefined;
    vi.stubGlobal("fetch", () => new Promise<Response>((resolve) => (answer = resolve)));
    const early = send(request());
    keepToken(TOKEN);
    answer(new Response(null, { status: 401 }));
    await early;
    expect(hasToken()).toBe(true);
  });

  test("that fails otherwise leaves the session alone", async () => {
    serve("another token, of now", 503);
    keepToken(TOKEN);
    await send(request());
    expect(hasToken()).toBe(true);
  });
});

describe("signing in", () => {
  test("keeps an accepted token for this tab alone", async () => {
    serve(TOKEN);
    await signIn(TOKEN);
    expect(sessionStorage.getItem("rep.token")).toBe(TOKEN);
    expect(JSON.stringify(localStorage)).not.toContain(TOKEN);
  });

  test("with a wrong token keeps nothing", async () => {
    serve(TOKEN);
    await expect(signIn("guessed-and-wrong")).rejects.toMatchObject({ status: 401 });
    expect(hasToken()).toBe(false);
    expect(sessionStorage).toHaveLength(0);
  });

  test("tells a shopper's token from a wrong one", async () => {
    serve(TOKEN, 403);
    await expect(signIn("of-a-shopper")).rejects.toMatchObject({ status: 403 });
    expect(hasToken()).toBe(false);
  });

  test.each(["", "비밀번호", "two\nlines"])("refuses what no header carries, without sending it: %j", async (text) => {
    const sent = serve(TOKEN);
    await expect(signIn(text)).rejects.toBeInstanceOf(ApiError);
    expect(sent).toEqual([]);
  });

  test("says when nobody answers, and keeps nothing", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network")));
    await expect(signIn(TOKEN)).rejects.toMatchObject({ status: 0 });
    expect(hasToken()).toBe(false);
  });
});

test("signing out forgets the token", () => {
  keepToken(TOKEN);
  signOut();
  expect(hasToken()).toBe(false);
  expect(sessionStorage).toHaveLength(0);
});

test("a copied command names where the token goes, never the token", () => {
  expect(curlOf("/products/a'b")).toBe(`curl '${location.origin}/api/products/a%27b'`);
  keepToken(TOKEN);
  expect(curlOf("/status")).toBe(`curl -H "Authorization: Bearer $REP_TOKEN" '${location.origin}/api/status'`);
});
