// What the pages ask for, each question once.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { api, unwrap } from "./client";

export interface Filters {
  category?: string | undefined;
  minPrice?: string | undefined;
  maxPrice?: string | undefined;
  /** Of both prices; the shop's if not named. */
  currency?: string | undefined;
  inStock?: boolean | undefined;
}

/** Leaves out what is not set, so that the address names only what was chosen. */
function filters({ category, minPrice, maxPrice, currency, inStock }: Filters) {
  return { ...(category ? { category } : {}), ...(minPrice ? { minPrice } : {}), ...(maxPrice ? { maxPrice } : {}), ...(currency ? { currency } : {}), ...(inStock ? { inStock } : {}) };
}

export const categoriesQuery = queryOptions({
  queryKey: ["categories"],
  queryFn: ({ signal }) => unwrap(api.GET("/categories", { signal })),
  staleTime: 60_000,
});

export const productsQuery = (ask: Filters & { limit?: number }) =>
  infiniteQueryOptions({
    queryKey: ["products", ask],
    queryFn: ({ signal, pageParam }) =>
      unwrap(api.GET("/products", { signal, params: { query: { ...filters(ask), limit: ask.limit ?? 48, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    staleTime: 30_000,
  });

export const productQuery = (id: string) =>
  queryOptions({
    queryKey: ["product", id],
    queryFn: ({ signal }) => unwrap(api.GET("/products/{id}", { signal, params: { path: { id } } })),
    staleTime: 10_000,
  });

export const similarQuery = (id: string, limit = 6) =>
  queryOptions({
    queryKey: ["similar", id, limit],
    queryFn: ({ signal }) => unwrap(api.GET("/products/{id}/similar", { signal, params: { path: { id }, query: { limit } } })),
    staleTime: 60_000,
  });

export const recommendationsQuery = (ask: Filters & { userId: string; limit: number }) =>
  queryOptions({
    queryKey: ["recommendations", ask],
    queryFn: ({ signal }) => unwrap(api.GET("/recommendations", { signal, params: { query: { userId: ask.userId, limit: ask.limit, ...filters(ask), explain: true } } })),
    enabled: ask.userId !== "",
  });

export const searchQuery = (ask: Filters & { q: string; limit: number; userId?: string; explain?: boolean }) =>
  queryOptions({
    queryKey: ["search", ask],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/search", { signal, params: { query: { q: ask.q, limit: ask.limit, ...(ask.userId ? { userId: ask.userId } : {}), ...filters(ask), ...(ask.explain ? { explain: true } : {}) } } })),
    enabled: ask.q !== "",
  });

export const usersQuery = (limit = 40) =>
  queryOptions({
    queryKey: ["users", limit],
    queryFn: ({ signal }) => unwrap(api.GET("/users", { signal, params: { query: { limit } } })),
    staleTime: 10_000,
  });

export const preferenceQuery = (id: string) =>
  queryOptions({
    queryKey: ["preference", id],
    queryFn: ({ signal }) => unwrap(api.GET("/users/{id}/preference", { signal, params: { path: { id } } })),
    enabled: id !== "",
    retry: false,
  });

export const historyQuery = (id: string, limit = 100) =>
  queryOptions({
    queryKey: ["history", id, limit],
    queryFn: ({ signal }) => unwrap(api.GET("/users/{id}/history", { signal, params: { path: { id }, query: { limit } } })),
    enabled: id !== "",
  });

export const notificationsQuery = (userId: string) =>
  queryOptions({
    queryKey: ["notifications", userId],
    queryFn: ({ signal }) => unwrap(api.GET("/notifications", { signal, params: { query: { userId, limit: 100 } } })),
    enabled: userId !== "",
  });

export const settingsQuery = (id: string) =>
  queryOptions({
    queryKey: ["notification-settings", id],
    queryFn: ({ signal }) => unwrap(api.GET("/users/{id}/notification-settings", { signal, params: { path: { id } } })),
  });

export const simulatorQuery = queryOptions({
  queryKey: ["simulator"],
  queryFn: ({ signal }) => unwrap(api.GET("/simulator", { signal })),
  // Not after a failure: each round would put the skeleton in the place of the error. A new connection asks again.
  refetchInterval: (query) => (query.state.status === "error" ? false : 2000),
});

export const scenariosQuery = queryOptions({
  queryKey: ["scenarios"],
  queryFn: ({ signal }) => unwrap(api.GET("/simulator/scenarios", { signal })),
  staleTime: Infinity,
});

export const recentEventsQuery = queryOptions({
  queryKey: ["events", "recent"],
  queryFn: ({ signal }) => unwrap(api.GET("/events/recent", { signal, params: { query: { limit: 12 } } })),
  retry: false,
});

export interface LetterFilters {
  topic?: string | undefined;
  reason?: string | undefined;
}

/** What the server kept of the minutes before; asked for when a page with charts opens, and when a connection is back. */
export const liveHistoryQuery = queryOptions({
  queryKey: ["live", "history"],
  queryFn: ({ signal }) => unwrap(api.GET("/live/history", { signal })),
});

const LETTERS_EVERY_MS = 5000;

export const deadLettersQuery = ({ topic, reason }: LetterFilters) =>
  infiniteQueryOptions({
    queryKey: ["dead-letters", { topic, reason }],
    queryFn: ({ signal, pageParam }) =>
      unwrap(api.GET("/dead-letters", { signal, params: { query: { limit: 50, ...(topic ? { topic } : {}), ...(reason ? { reason } : {}), ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    // Only while it is at its beginning: each round would read every page that was loaded. A list that never came waits to be asked for.
    refetchInterval: ({ state }) => (state.data?.pages.length === 1 ? LETTERS_EVERY_MS : false),
  });

/** A letter does not change, but what can be decoded may. */
export const deadLetterQuery = (id: string) =>
  queryOptions({
    queryKey: ["dead-letter", id],
    queryFn: ({ signal }) => unwrap(api.GET("/dead-letters/{id}", { signal, params: { path: { id } } })),
    staleTime: 60_000,
  });
