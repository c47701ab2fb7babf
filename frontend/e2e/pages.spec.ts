import { expect, type Page, test } from "@playwright/test";

import { barriers } from "./barriers.ts";

const PAGES = [
  { path: "/", ready: (page: Page) => page.getByRole("region", { name: "For you" }).getByRole("listitem").first() },
  { path: "/recommendations", ready: (page: Page) => page.getByRole("gridcell").first() },
  { path: "/live", ready: (page: Page) => page.getByRole("img", { name: /^Events\./ }) },
  { path: "/simulator", ready: (page: Page) => page.getByRole("radio", { name: /^Steady/ }) },
  { path: "/notifications", ready: (page: Page) => page.getByRole("button", { name: "Change it" }) },
] as const;

for (const scheme of ["light", "dark"] as const) {
  for (const { path, ready } of PAGES) {
    test(`${path} has nothing that keeps people out (${scheme})`, async ({ browser, baseURL }) => {
      const context = await browser.newContext({ colorScheme: scheme, reducedMotion: "reduce", locale: "en-GB", baseURL: baseURL ?? "" });
      const page = await context.newPage();
      const broken: string[] = [];
      page.on("pageerror", (error) => broken.push(error.message));
      await page.goto(path);
      await expect(ready(page)).toBeVisible();
      await expect(page.locator("html")).toHaveAttribute("data-theme", scheme);
      expect(await barriers(page)).toEqual([]);
      expect(broken).toEqual([]);
      await context.close();
    });
  }
}

test("works by keyboard alone", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("list", { name: "Shop", exact: true }).getByRole("listitem").first()).toBeVisible();

  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toBeFocused();

  await page.getByRole("list", { name: "Shop", exact: true }).getByRole("button", { name: /^Look at/ }).first().press("Enter");
  await expect(page.getByRole("region", { name: "Product you look at" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("region", { name: "Product you look at" })).toBeHidden();

  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await expect(page).toHaveURL(/\/live$/);
  // The address changes before the page is there to listen.
  await expect(page.getByRole("button", { name: "Pause" })).toBeVisible();
  await page.keyboard.press("p");
  await expect(page.getByRole("button", { name: "Resume" })).toBeVisible();

  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeHidden();

  await page.keyboard.press("g");
  await page.keyboard.press("r");
  const row = page.getByRole("row").nth(1);
  await expect(row).toBeVisible();
  await row.focus();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("row").nth(2)).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary").filter({ hasText: "Score made of" })).toBeVisible();
  await expect(page).toHaveURL(/item=/);
  await page.keyboard.press("Escape");
  await expect(page).not.toHaveURL(/item=/);

  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(page).toHaveURL(/\/$/);
});

test("speaks Korean, and remembers it", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "한국어" }).click();
  await expect(page.getByRole("link", { name: "추천" })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("lang", "ko");
  await page.reload();
  await expect(page.getByRole("heading", { name: "추천 상품" })).toBeVisible();
});

test("says that the server is gone, and goes on by itself when it is back", async ({ page }) => {
  await page.route("**/api/live", (route) => route.abort());
  await page.goto("/live");
  await expect(page.getByRole("alert").getByText("The server does not answer")).toBeVisible();
  await page.unroute("**/api/live");
  await expect(page.getByRole("img", { name: /^Events\./ })).toBeVisible();
});

test("Live opens with the minutes before it drawn", async ({ page }) => {
  // Whether or not anybody watched: the server keeps a point every five seconds.
  const kept = async () => ((await (await page.request.get("/api/live/history")).json()) as { points: { at: string }[] }).points;
  await expect.poll(async () => (await kept()).length).toBeGreaterThan(2);
  const clock = (at: string) => new Date(at).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const before = (await kept()).map((point) => clock(point.at));
  await page.goto("/live?minutes=15");
  await expect(page.getByRole("img", { name: /^Events\./ })).toBeVisible();
  const note = page.getByText(/drawn since \S+/);
  await expect.poll(async () => before.includes(/\S+$/.exec(await note.innerText())?.[0] ?? "")).toBe(true);
});

for (const scheme of ["light", "dark"] as const) {
  test(`what is left of a lost connection is greyed, and can still be read (${scheme})`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    // A connection tells one state and ends; once that is on the screen, none is to be had.
    const status = await page.request.get("/api/status");
    let up = true;
    await page.route("**/api/live", async (route) => {
      await (up ? route.fulfill({ contentType: "text/event-stream", body: `event: live\ndata: ${await status.text()}\n\n` }) : route.abort());
    });
    await page.goto("/simulator");
    await expect(page.getByText("Model", { exact: true })).toBeVisible();
    up = false;
    await expect(page.getByText("Connection lost", { exact: true })).toBeAttached();
    await expect(page.getByRole("radio", { name: /^Steady/ })).toBeVisible();
    expect(await barriers(page)).toEqual([]);
  });
}

test("theme and language can be changed on a phone", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/simulator");
  await page.getByRole("button", { name: "Theme and language" }).click();
  await page.getByRole("button", { name: "Use the dark theme" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.getByRole("button", { name: "Theme and language" }).click();
  await page.getByRole("button", { name: "한국어" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "ko");
});
