import createClient from "openapi-fetch";

import type { paths } from "./schema";
import type { Problem } from "./types";

/** Where the API lies: the same origin that served the page. */
export const API_BASE = "/api";

export const api = createClient<paths>({
  baseUrl: API_BASE,
  // Looked up at each call, so that tests may put their own in place.
  fetch: (request) => globalThis.fetch(request),
});

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
