// The request and answer half of the mock.
import { randomUUID } from "node:crypto";

import { type MockProduct, CATEGORY_NAMES } from "./catalog.ts";
import { LETTERS, listed, replayed } from "./letters.ts";
import { liveHistory, liveStatus } from "./live.ts";
import type { Scenario, Simulator } from "../src/api/types.ts";
import { type World, iso } from "./world.ts";

export interface Reply {
  status: number;
  body?: unknown;
}

const ok = (body: unknown, status = 200): Reply => ({ status, body });
const missing = (what: string): Reply => ({ status: 404, body: { type: "about:blank", title: "Not found", status: 404, detail: `there is no ${what}`, traceId: randomUUID().replaceAll("-", "") } });
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const SCENARIOS: Scenario[] = [
  { id: "steady", name: "Steady", description: "An ordinary day: shoppers come, look and sometimes buy." },
  { id: "flash-sale", name: "Flash sale", description: "One category is suddenly cheap; everyone runs there." },
  { id: "price-war", name: "Price war", description: "Prices fall every few seconds; many notifications." },
  { id: "bot-attack", name: "Bot attack", description: "A few accounts click thousands of times a minute." },
  { id: "cold-start", name: "Cold start", description: "Only new shoppers, without any history." },
  { id: "viral", name: "Viral", description: "Everybody looks at one product." },
  { id: "holiday-rush", name: "Holiday rush", description: "Gifts must be bought." },
  { id: "restock", name: "Restock", description: "Favourites sell out and come back." },
];

function shown(product: MockProduct) {
  return { ...product, vector: undefined };
}

function admits(url: URL) {
  const get = (name: string) => url.searchParams.get(name);
  return (product: MockProduct): boolean =>
    (!get("category") || product.category === get("category")) &&
    (!["currency", "minPrice", "maxPrice"].some((name) => get(name)) || product.currency === (get("currency") ?? "EUR")) &&
    (!get("minPrice") || Number(product.price) >= Number(get("minPrice"))) &&
    (!get("maxPrice") || Number(product.price) <= Number(get("maxPrice"))) &&
    (get("inStock") !== "true" || product.stock > 0);
}

function ranked(world: World, url: URL, vector: number[], userId: string) {
  const limit = Number(url.searchParams.get("limit") ?? 10);
  const explain = url.searchParams.get("explain") === "true";
  return world.rank(vector, world.users.get(userId), admits(url)).slice(0, limit).map((row) => ({ ...shown(row.product), score: row.score, reasons: row.reasons, ...(explain ? { explain: row.explain } : {}) }));
}

async function events(world: World, body: unknown): Promise<Reply> {
  const inputs = (Array.isArray(body) ? body : [body]) as Parameters<World["act"]>[0][];
  const acceptedAt = Date.now();
  await wait(2 + world.random() * 3);
  const loggedAt = Date.now();
  const results = inputs.map((input) => {
    const traceId = input.traceId ?? randomUUID();
    setTimeout(() => {
      const act = world.act({ ...input, traceId });
      const user = world.user(act.userId);
      world.bus.emit(`change:${act.userId}`, { traceId, actionType: act.actionType, productId: act.productId, eventAt: act.timestamp, loggedAt: iso(loggedAt), appliedAt: iso(), actionCount: user.actionCount });
    }, 10 + world.random() * 20);
    return { traceId, status: "accepted" };
  });
  return ok({ results, acceptedAt: iso(acceptedAt), durableAt: iso(loggedAt) }, 202);
}

function user(world: World, method: string, id: string, rest: string | undefined, body: unknown): Reply {
  const known = world.users.get(id);
  if (rest === "notification-settings") {
    if (method === "PUT") world.settings.set(id, body);
    return ok(world.settings.get(id) ?? { inApp: true, push: true, sms: false, kinds: { priceDrop: true, backInStock: true, lowStock: true } });
  }
  if (method === "DELETE") {
    world.users.delete(id);
    return { status: 204 };
  }
  if (rest === "history") return ok({ items: (known?.history ?? []).slice(0, 100) });
  if (!known) return missing(`shopper \`${id}\``);
  const topCategories = CATEGORY_NAMES.map((category, at) => ({ category, weight: Math.max(0, known.vector[at] ?? 0) })).sort((a, b) => b.weight - a.weight).slice(0, 5);
  return ok({ userId: id, model: "intfloat/multilingual-e5-base", dimensions: 768, actionCount: known.actionCount, waitingActions: 0, updatedAt: known.updatedAt, topCategories, recent: known.history.filter((act) => act.productId).slice(0, 20).map((act) => ({ productId: act.productId, actionType: act.actionType, at: act.timestamp })) });
}

function product(world: World, method: string, id: string, rest: string | undefined, url: URL, body: unknown): Reply {
  const found = world.product(id);
  if (!found) return missing(`product \`${id}\``);
  if (rest === "similar") return ok({ items: world.rank(found.vector, undefined, (other) => other !== found).slice(0, Number(url.searchParams.get("limit") ?? 6)).map((row) => ({ ...shown(row.product), score: row.score, reasons: [{ kind: "SIMILAR", text: `Near to ${found.name}` }] })) });
  if (method === "PATCH") {
    const patch = body as { price?: string; stock?: number };
    if (patch.price !== undefined && !(Number(patch.price) > 0)) return { status: 422, body: { type: "about:blank", title: "Invalid product", status: 422, detail: "the price must be above zero", errors: [{ field: "price", message: "must be above zero" }], traceId: randomUUID() } };
    const before = { price: found.price, stock: found.stock };
    Object.assign(found, patch);
    setTimeout(() => world.notify(found, before), 40);
  }
  return ok(shown(found));
}

function products(world: World, url: URL): Reply {
  const needle = url.searchParams.get("q")?.toLowerCase();
  const start = Number(url.searchParams.get("cursor") ?? 0);
  const limit = Number(url.searchParams.get("limit") ?? 24);
  const all = world.products.filter((item) => admits(url)(item) && (!needle || `${item.name} ${item.nameKo}`.toLowerCase().includes(needle)));
  // Mixed, so that the first page is a shop and not one category.
  const order = url.searchParams.get("category") ? all : [...all].sort((a, b) => ((Number(a.productId.slice(2)) * 97) % 216) - ((Number(b.productId.slice(2)) * 97) % 216));
  return ok({ items: order.slice(start, start + limit).map(shown), total: all.length, ...(start + limit < all.length ? { nextCursor: String(start + limit) } : {}) });
}

function simulator(world: World, method: string, rest: string | undefined, body: unknown): Reply {
  if (rest === "scenarios") return ok({ items: SCENARIOS });
  const input = (body ?? {}) as Partial<Pick<Simulator, "users" | "rate" | "scenario" | "seed">>;
  if (rest === "start") world.simulator = { ...world.simulator, state: "running", startedAt: iso() };
  if (rest === "stop") world.simulator = { ...world.simulator, state: "stopped", actualRate: 0 };
  if (method !== "GET" && rest !== "stop") world.simulator = { ...world.simulator, users: input.users ?? world.simulator.users, rate: input.rate ?? world.simulator.rate, targetRate: input.rate ?? world.simulator.rate, scenario: input.scenario ?? world.simulator.scenario, seed: input.seed ?? world.simulator.seed };
  return ok(world.simulator);
}

function deadLetters(method: string, id: string | undefined, url: URL, body: unknown): Reply {
  if (!id) return ok(listed(url.searchParams.get("topic"), url.searchParams.get("reason")));
  const found = LETTERS.find((one) => one.id === id);
  if (!found) return missing(`dead letter \`${id}\``);
  if (method !== "POST") return ok(found);
  const answer = replayed(found, body as Parameters<typeof replayed>[1]);
  return answer ? ok(answer) : { status: 409, body: { type: "about:blank", title: "It would be dead-lettered again", status: 409, detail: found.error, traceId: randomUUID() } };
}

export async function route(world: World, method: string, url: URL, body: unknown): Promise<Reply> {
  await wait(4 + world.random() * 12);
  const [, root, id, rest] = url.pathname.split("/").map(decodeURIComponent);
  const userId = url.searchParams.get("userId") ?? "";
  if (root === "recommendations") {
    const known = world.users.get(userId);
    const vector = known?.vector ?? [];
    return ok({ userId, strategy: vector.some((value) => value !== 0) ? "personalized" : "popular", items: ranked(world, url, vector, userId), generatedAt: iso(), traceId: randomUUID().replaceAll("-", ""), tookMs: 6 + world.random() * 5, ...(known ? { preference: { actionCount: known.actionCount, updatedAt: known.updatedAt } } : {}) });
  }
  if (root === "search") {
    const query = url.searchParams.get("q") ?? "";
    return ok({ query, strategy: "hybrid", tookMs: 9, traceId: randomUUID(), items: ranked(world, url, world.queryVector(query), "") });
  }
  if (root === "categories") return ok({ items: CATEGORY_NAMES.map((category) => ({ category, count: world.products.filter((item) => item.category === category).length })) });
  if (root === "products") return id ? product(world, method, id, rest, url, body) : products(world, url);
  if (root === "events") return id === "recent" ? ok({ items: world.recent.slice(0, Number(url.searchParams.get("limit") ?? 50)).map((act) => ({ ...act, at: act.timestamp })) }) : events(world, body);
  if (root === "users") return id ? user(world, method, id, rest, body) : ok({ items: [...world.users.values()].sort((a, b) => b.updatedAt.localeCompare(a.updatedAt)).slice(0, Number(url.searchParams.get("limit") ?? 50)).map(({ userId: name, actionCount, updatedAt }) => ({ userId: name, actionCount, updatedAt })) });
  if (root === "notifications" && id) {
    const found = world.notifications.find((item) => item.notificationId === id);
    if (!found) return missing("such notification");
    found.readAt = iso();
    return ok(found);
  }
  if (root === "notifications") {
    const items = world.notifications.filter((item) => item.userId === userId);
    return ok({ items: items.slice(0, 100), unread: items.filter((item) => !item.readAt).length });
  }
  if (root === "dead-letters") return deadLetters(method, id, url, body);
  if (root === "live" && id === "history") return ok(liveHistory(world));
  if (root === "status") return ok(liveStatus(world));
  if (root === "simulator") return simulator(world, method, id, body);
  return missing(`route \`${url.pathname}\``);
}
