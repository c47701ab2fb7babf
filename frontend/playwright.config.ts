import { defineConfig } from "@playwright/test";

import { PATIENCE_MS, TEST_MS_MAX } from "./e2e/patience.ts";

// Against a running `rep up`; the browser is the system's own.
const baseURL = process.env.BASE_URL ?? "http://127.0.0.1:3001";

export default defineConfig({
  testDir: "e2e",
  fullyParallel: false,
  workers: 1,
  // A test that passes only when it is tried again is a defect: of the test, or of what it tests.
  retries: 0,
  timeout: TEST_MS_MAX,
  expect: { timeout: PATIENCE_MS, toPass: { timeout: PATIENCE_MS } },
  reporter: [["list"]],
  use: {
    baseURL,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    // No film: drawing and packing its pictures made the checks several times slower, and late on a busy machine.
    trace: { mode: "retain-on-failure", screenshots: false },
    launchOptions: {
      executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
});
