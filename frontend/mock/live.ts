// The once-a-second picture of a platform at work: random walks around plausible values.
import type { LivePoint, LiveStatus } from "../src/api/types.ts";
import { type World, iso } from "./world.ts";

const BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];
const started = Date.now();

function latency(world: World, median: number, spread: number) {
  const jitter = median * (0.9 + world.random() * 0.25);
  const p99 = jitter * spread * (0.85 + world.random() * 0.4);
  const buckets = BOUNDS.map((le, at) => {
    const from = at === 0 ? 0.5 : (BOUNDS[at - 1] ?? 1);
    const middle = Math.sqrt(from * le);
    const z = Math.log(middle / jitter) / Math.log(spread ** 0.45);
    return { le, count: Math.round(1800 * Math.exp(-0.5 * z * z)) };
  });
  return { count: buckets.reduce((sum, bucket) => sum + bucket.count, 0), p50: jitter, p90: Math.sqrt(jitter * p99) * 1.1, p99, buckets };
}

export function liveStatus(world: World): LiveStatus {
  const on = world.simulator.state === "running";
  const target = on ? world.simulator.targetRate : 0;
  const accepted = target * (0.96 + world.random() * 0.07);
  world.simulator.actualRate = accepted;
  const { totals } = world.simulator;
  totals.events += Math.round(accepted);
  totals.sessions += Math.round(accepted * 0.05);
  const partitions = [...Array(12).keys()].map((partition) => {
    const lag = on ? Math.max(0, Math.round((world.random() - 0.35) * target * 0.02 + (partition === 7 ? target * 0.03 : 0))) : 0;
    const endOffset = Math.round(totals.events / 12) + partition * 37;
    return { topic: "user.action.v1", group: "behaviour", partition, endOffset, committed: endOffset - lag, lag };
  });
  const inventory = [0, 1, 2].map((partition) => ({ topic: "product.inventory.v1", group: "inventory", partition, endOffset: 1200 + partition, committed: 1200 + partition, lag: 0 }));
  const push = [...Array(6).keys()].map((partition) => ({ topic: "notification.push.v1", group: "notify", partition, endOffset: 830 + partition * 9, committed: 828 + partition * 9, lag: 2 }));
  const rates = { accepted, processed: accepted * (0.98 + world.random() * 0.03), indexed: accepted * (0.9 + world.random() * 0.2), deadLettered: world.random() < 0.03 ? 1 : 0, notifications: accepted * 0.014 * (0.5 + world.random()), recommendations: on ? 18 + world.random() * 9 : world.random(), searches: on ? 3 + world.random() * 3 : 0 };
  return {
    at: iso(), windowS: 10, mode: "embedded", model: { id: "intfloat/multilingual-e5-base", dimensions: 768 }, products: { total: world.products.length, embedded: world.products.length }, waitingActions: 0,
    rates,
    totals: { accepted: totals.events, processed: totals.events - 12, indexed: totals.events - 40, deadLettered: 3, notifications: 2410 + world.notifications.length, recommendations: 30_412, searches: 5_120 },
    lag: [...partitions, ...inventory, ...push],
    latencyMs: { freshness: latency(world, 21, 4.4), append: latency(world, 2.4, 5), vector: latency(world, 6, 4), recommend: latency(world, 9, 3.2), notify: latency(world, 38, 4) },
    deadLetters: { total: 3, recent: [
      { reason: "BAD_PAYLOAD", error: "not Avro: 3 bytes are left", topic: "user.action.v1", partition: 4, offset: 15_211, at: iso(started - 340_000) },
      { reason: "BAD_MAGIC", error: "the first byte is not 0", topic: "user.action.v1", partition: 9, offset: 14_990, at: iso(started - 900_000) },
      { reason: "INVALID", error: "`timestamp` lies in the future", topic: "user.action.v1", partition: 1, offset: 12_004, at: iso(started - 1_500_000) },
    ] },
    health: { status: "ok", checks: [{ name: "log", status: "ok", detail: "12 partitions, 2 ms append" }, { name: "search", status: "ok", detail: `${world.products.length} vectors` }, { name: "preferences", status: "ok", detail: `${world.users.size} shoppers` }, { name: "embedder", status: "ok", detail: "model loaded" }] },
    simulator: { state: world.simulator.state, rate: on ? accepted : 0, targetRate: world.simulator.targetRate, users: world.simulator.users, scenario: world.simulator.scenario },
    process: { rssBytes: 612_000_000 + world.random() * 4_000_000, cpuSeconds: (Date.now() - started) / 2500, uptimeS: (Date.now() - started) / 1000 },
  };
}

const EVERY_S = 5;
const KEPT_S = 900;

/** The minutes before, as if they had been watched; what is counted since the start stays as it is. */
export function liveHistory(world: World): { everyS: number; keptS: number; points: LivePoint[] } {
  const totals = structuredClone(world.simulator.totals);
  const points = Array.from({ length: KEPT_S / EVERY_S }, (_, at): LivePoint => {
    const { rates, lag, latencyMs, simulator } = liveStatus(world);
    return { at: iso(Date.now() - (KEPT_S - at * EVERY_S) * 1000), rates, lag, latencyMs, ...(simulator ? { simulator } : {}) };
  });
  world.simulator.totals = totals;
  return { everyS: EVERY_S, keptS: KEPT_S, points };
}
