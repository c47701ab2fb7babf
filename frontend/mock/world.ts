// The mock's state: shoppers with taste vectors, notifications, counters. It imitates the effects of the
// real platform (an act moves a vector, a price drop finds who cares), not its workings.
import { EventEmitter } from "node:events";
import { randomUUID } from "node:crypto";

import type { Notification, Simulator } from "../src/api/types.ts";

import { type MockProduct, type Random, CATEGORY_NAMES, VECTOR_LENGTH, makeCatalog, normalise, pick, randomFrom } from "./catalog.ts";

const WEIGHT: Record<string, number> = { VIEW: 0.1, CLICK: 0.35, SEARCH: 0.4, WISHLIST: 0.6, ADD_TO_CART: 0.7, PURCHASE: 1, REMOVE_FROM_CART: -0.2, REMOVE_FROM_WISHLIST: -0.15, DISLIKE: -0.6 };

export interface MockAct {
  traceId: string;
  userId: string;
  actionType: string;
  productId?: string;
  searchQuery?: string;
  timestamp: string;
}

export interface MockUser {
  userId: string;
  vector: number[];
  actionCount: number;
  updatedAt: string;
  history: MockAct[];
}

export type MockNotification = Notification;

export const iso = (ms = Date.now()): string => new Date(ms).toISOString();
const dot = (a: number[], b: number[]): number => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);

export class World {
  readonly bus = new EventEmitter().setMaxListeners(200);
  readonly random: Random = randomFrom(7);
  readonly products: MockProduct[] = makeCatalog(11);
  readonly users = new Map<string, MockUser>();
  readonly notifications: MockNotification[] = [];
  readonly settings = new Map<string, unknown>();
  readonly recent: MockAct[] = [];
  readonly popularity = new Map<string, number>();
  simulator: Simulator = { state: "running", scenario: "steady", seed: 42, users: 20_000, rate: 250, targetRate: 250, actualRate: 248, changeRate: 0.2, startedAt: iso(Date.now() - 780_000), totals: { events: 183_204, sessions: 9_120, byAction: { VIEW: 98_120, CLICK: 51_004, SEARCH: 12_560, ADD_TO_CART: 8_034, WISHLIST: 4_120, PURCHASE: 2_211 }, priceChanges: 120, stockChanges: 80 }, late: 0, inFlight: 2, inFlightMax: 64 };
  private sequence = 0;

  constructor() {
    for (const product of this.products) this.popularity.set(product.productId, this.random() ** 2);
    for (let at = 0; at < 60; at++) {
      const taste = pick(this.random, CATEGORY_NAMES);
      for (let n = 0; n < 6; n++) {
        const from = this.products.filter((product) => product.category === taste || this.random() < 0.05);
        this.act({ userId: `u-${String(at + 1).padStart(5, "0")}`, actionType: pick(this.random, ["CLICK", "CLICK", "ADD_TO_CART", "WISHLIST"]), productId: pick(this.random, from).productId });
      }
    }
  }

  product(id: string | undefined): MockProduct | undefined {
    return this.products.find((product) => product.productId === id);
  }

  user(userId: string): MockUser {
    let user = this.users.get(userId);
    if (!user) {
      user = { userId, vector: Array.from({ length: VECTOR_LENGTH }, () => 0), actionCount: 0, updatedAt: iso(), history: [] };
      this.users.set(userId, user);
    }
    return user;
  }

  queryVector(query: string): number[] {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const sum = Array.from({ length: VECTOR_LENGTH }, () => 0);
    for (const product of this.products) {
      const text = `${product.name} ${product.nameKo} ${product.category}`.toLowerCase();
      const hits = words.filter((word) => text.includes(word)).length;
      if (hits) product.vector.forEach((value, at) => (sum[at] = (sum[at] ?? 0) + value * hits));
    }
    return normalise(sum);
  }

  act(input: { traceId?: string; userId: string; actionType: string; productId?: string; searchQuery?: string; timestamp?: string }): MockAct {
    const act: MockAct = { ...input, traceId: input.traceId ?? randomUUID(), timestamp: input.timestamp ?? iso() };
    const user = this.user(act.userId);
    const weight = (WEIGHT[act.actionType] ?? 0) * 0.62;
    const toward = act.searchQuery ? this.queryVector(act.searchQuery) : this.product(act.productId)?.vector;
    if (toward && weight !== 0) user.vector = normalise(user.vector.map((value, at) => value * (1 - Math.abs(weight)) + (toward[at] ?? 0) * weight));
    if (act.productId && weight > 0) this.popularity.set(act.productId, (this.popularity.get(act.productId) ?? 0) + weight * 0.01);
    user.actionCount += 1;
    user.updatedAt = iso();
    user.history.unshift(act);
    this.recent.unshift(act);
    this.recent.length = Math.min(this.recent.length, 200);
    return act;
  }

  /** Products by nearness to `vector`, popularity breaking ties; what was bought or clicked last is left out. */
  rank(vector: number[], user: MockUser | undefined, admit: (product: MockProduct) => boolean) {
    const personal = vector.some((value) => value !== 0);
    const seen = new Set((user?.history ?? []).filter((act) => act.actionType === "PURCHASE" || act.actionType === "CLICK").slice(0, 30).map((act) => act.productId));
    const last = (user?.history ?? []).filter((act) => act.productId && act.actionType !== "VIEW").slice(0, 12);
    return this.products
      .filter((product) => admit(product) && !seen.has(product.productId))
      .map((product) => {
        const similarity = personal ? dot(vector, product.vector) : 0;
        const popularity = this.popularity.get(product.productId) ?? 0;
        const final = 0.82 * similarity + 0.15 * popularity;
        const near = last.map((act) => ({ act, product: this.product(act.productId) })).find((pair) => pair.product && dot(pair.product.vector, product.vector) > 0.5);
        const reasons = !personal
          ? [{ kind: "POPULAR", text: "Popular right now" }]
          : near?.product
            ? [{ kind: "SIMILAR_TO_ACTION", text: `Like ${near.product.name}`, productId: near.product.productId, productName: near.product.name, actionType: near.act.actionType }]
            : [{ kind: "TASTE", text: "Near to your taste" }];
        return { product, explain: { ...(personal ? { cosine: similarity } : {}), similarity: 0.82 * similarity, popularity: 0.15 * popularity, matching: 0, diversity: 0, final }, score: final, reasons };
      })
      .sort((a, b) => b.score - a.score);
  }

  notify(product: MockProduct, before: { price: string; stock: number }): void {
    const drop = 1 - Number(product.price) / Number(before.price);
    const kind = drop >= 0.05 ? "PRICE_DROP" : before.stock === 0 && product.stock > 0 ? "BACK_IN_STOCK" : product.stock > 0 && product.stock <= 3 && before.stock > 3 ? "LOW_STOCK" : undefined;
    if (!kind) return;
    const title = { PRICE_DROP: "Price drop", BACK_IN_STOCK: "Back in stock", LOW_STOCK: "Only a few left" }[kind];
    for (const user of this.users.values()) {
      const acts = user.history.filter((act) => act.productId === product.productId).map((act) => act.actionType);
      const reason = acts.includes("ADD_TO_CART") ? "CARTED" : acts.includes("WISHLIST") ? "WISHLISTED" : acts.length > 0 ? "VIEWED" : dot(user.vector, product.vector) > 0.86 ? "SIMILAR" : undefined;
      if (!reason) continue;
      this.sequence += 1;
      const notification: MockNotification = {
        notificationId: randomUUID(), userId: user.userId, productId: product.productId, productName: product.name, kind, reason, title: `${title}: ${product.name}`,
        body: kind === "PRICE_DROP" ? `Now ${product.price} ${product.currency}, was ${before.price}.` : `${product.stock} in stock.`,
        priceBefore: before.price, priceAfter: product.price, currency: product.currency, stockAfter: product.stock, channels: ["inApp"], createdAt: iso(), deliveredAt: iso(), sequence: this.sequence,
      };
      this.notifications.unshift(notification);
      this.bus.emit(`notification:${user.userId}`, notification);
    }
  }
}
