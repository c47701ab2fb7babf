import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { mockBackend } from "./mock/plugin.ts";

// `vite` answers /api from the mock in mock/; `vite --mode api` proxies to a running `rep up`.
const server = process.env.REP_URL ?? "http://127.0.0.1:3001";

export default defineConfig(({ mode }) => ({
  plugins: [react(), ...(mode === "api" || mode === "test" ? [] : [mockBackend()])],
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: {
    host: "127.0.0.1",
    ...(mode === "api" ? { proxy: { "/api": { target: server, changeOrigin: true } } } : {}),
  },
  build: { target: "es2022", sourcemap: false, chunkSizeWarningLimit: 600 },
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/api/tests.setup.ts"],
    restoreMocks: true,
    // Generous: for a slow and busy machine. What a test waits for itself has its bound in the setup.
    testTimeout: 120_000,
  },
}));
