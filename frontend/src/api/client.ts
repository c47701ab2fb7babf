import createClient from "openapi-fetch";

import type { paths } from "./schema";
import { bearer, hasToken, keepToken, send } from "./session";
import type { Problem } from "./types";

/** Where the API lies: the same origin that served the page. */
export const API_BASE = "/api";

export const api = createClient<paths>({ baseUrl: API_BASE, fetch: send });

/** An answer that says no, or no answer at all (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  readonly fields: readonly { field: string; message: string }[];
  readonly traceId: string | undefined;

  constructor(status: number, title: string, detail?: string, fields: readonly { field: string; message: string }[] = [], traceId?: string) {
    super(detail ?? title);
    this.name = "ApiError";
    this.status = status;
    this.title = title;
    this.fields = fields;
    this.traceId = traceId;
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

function traceOf(response: Response): string | undefined {
  return response.headers.get("x-trace-id") ?? response.headers.get("traceparent")?.split("-")[1];
}

/** Every problem has a title; the rest is not taken on trust from what may be a proxy. */
function isProblem(value: unknown): value is Partial<Problem> & Pick<Problem, "title"> {
  return typeof value === "object" && value !== null && "title" in value && typeof value.title === "string";
}

/** The data of an answer, or an `ApiError` that says what the server said. */
export async function unwrap<T>(request: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await request;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "No answer", "The server cannot be reached.");
  }
  const { response, error } = answer;
  if (response.ok) return answer.data as T;
  if (isProblem(error)) throw new ApiError(response.status, error.title, error.detail, error.errors ?? [], error.traceId ?? traceOf(response));
  throw new ApiError(response.status, response.statusText || `HTTP ${response.status}`, undefined, [], traceOf(response));
}

/** Whether a query that failed so may succeed when asked again. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 502);
}

/** What a header can carry; anything else can be no token. */
const SENDABLE = /^[\x20-\x7e]+$/;

/** Signs in as operator, or says by an `ApiError` why not: 401 for a wrong token, 403 for a shopper's. */
export async function signIn(token: string): Promise<void> {
  if (!SENDABLE.test(token)) throw new ApiError(401, "Not a token");
  // A route for operators only, so that a shopper's token is told here and not by each page.
  await unwrap(api.GET("/status", { headers: bearer(token) }));
  keepToken(token);
}

/** A ticket that opens one stream, soon: a browser's streams carry no headers. */
export async function takeTicket(): Promise<string> {
  return (await unwrap(api.POST("/notifications/ticket"))).ticket;
}

/** The command that asks what the page asked. The token itself stays out of it. */
export function curlOf(path: string): string {
  const header = hasToken() ? '-H "Authorization: Bearer $REP_TOKEN" ' : "";
  // A quote in an id would end the shell's.
  return `curl ${header}'${location.origin}${API_BASE}${path.replaceAll("'", "%27")}'`;
}
