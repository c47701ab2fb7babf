// Serves /api from a made-up world, in `vite` and in `vite preview`.
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Plugin } from "vite";

import { liveStatus } from "./live.ts";
import { type Reply, route } from "./routes.ts";
import { type MockNotification, World } from "./world.ts";
import { pick } from "./catalog.ts";

function readBody(request: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      try {
        resolve(text ? (JSON.parse(text) as unknown) : undefined);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

function stream(response: ServerResponse): (event: string, data: unknown, id?: number) => void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.write(": hello\n\n");
  return (event, data, id) => response.write(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function openStream(world: World, url: URL, response: ServerResponse): boolean {
  const changes = /^\/users\/([^/]+)\/changes$/.exec(url.pathname);
  const listen = (name: string, send: (data: unknown) => void) => {
    world.bus.on(name, send);
    response.on("close", () => world.bus.off(name, send));
  };
  if (url.pathname === "/live") {
    const send = stream(response);
    send("live", liveStatus(world));
    const timer = setInterval(() => send("live", liveStatus(world)), 1000);
    response.on("close", () => clearInterval(timer));
  } else if (url.pathname === "/notifications/stream") {
    const send = stream(response);
    listen(`notification:${url.searchParams.get("userId") ?? ""}`, (item) => send("notification", item, (item as MockNotification).sequence));
  } else if (changes) {
    const send = stream(response);
    listen(`change:${decodeURIComponent(changes[1] ?? "")}`, (change) => send("preference", change));
  } else return false;
  return true;
}

function simulate(world: World): void {
  const timer = setInterval(() => {
    if (world.simulator.state !== "running") return;
    const userId = pick(world.random, [...world.users.keys()].filter((id) => id.startsWith("u-")));
    const search = world.random() < 0.12;
    const product = pick(world.random, world.products);
    world.act({ userId, actionType: search ? "SEARCH" : pick(world.random, ["VIEW", "VIEW", "CLICK", "CLICK", "ADD_TO_CART", "WISHLIST", "PURCHASE"]), ...(search ? { searchQuery: product.category.toLowerCase() } : { productId: product.productId }) });
  }, 160);
  timer.unref();
}

export function mockBackend(): Plugin {
  const world = new World();
  const handle = (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    if (!request.url?.startsWith("/api/")) {
      next();
      return;
    }
    const url = new URL(request.url.slice(4), "http://mock");
    if (openStream(world, url, response)) return;
    void readBody(request)
      .then((body) => route(world, request.method ?? "GET", url, body))
      .catch((): Reply => ({ status: 400, body: { type: "about:blank", title: "Bad request", status: 400, detail: "the body is not JSON" } }))
      .then((reply) => {
        response.writeHead(reply.status, { "content-type": reply.status >= 400 ? "application/problem+json" : "application/json", "x-trace-id": "4bf92f3577b34da6a3ce929d0e0e4736" });
        response.end(reply.body === undefined ? "" : JSON.stringify(reply.body));
      });
  };
  const start = (server: { middlewares: { use: (handler: typeof handle) => unknown } }) => {
    simulate(world);
    server.middlewares.use(handle);
  };
  return { name: "rep-mock", configureServer: start, configurePreviewServer: start };
}
