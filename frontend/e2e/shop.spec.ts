import { expect, type Locator, type Page, test } from "@playwright/test";

import { AGAIN_MS } from "./patience.ts";

const forYou = (page: Page) => page.getByRole("region", { name: "For you" }).getByRole("listitem");

const categories = (page: Page) => page.getByRole("group", { name: "Category" });
const products = (page: Page) => page.getByRole("list", { name: "Shop", exact: true });

const CLICKS_MAX = 6;
/** Products that a category must have to be clicked through. */
const PRODUCTS_MIN = 8;

/** The categories that have enough products to click. */
async function fullCategories(page: Page): Promise<string[]> {
  const chips = await categories(page).getByRole("button").allInnerTexts();
  return chips.flatMap((text) => {
    const [, name, count] = /^(.+?)\s+(\d+)$/.exec(text.replaceAll("\n", " ")) ?? [];
    return name && Number(count) >= PRODUCTS_MIN ? [name] : [];
  });
}

/** The category that fewest of the shown items have, with enough products to click. */
async function strangestCategory(page: Page): Promise<string> {
  await expect(categories(page)).toHaveAttribute("aria-busy", "false");
  await expect.poll(() => fullCategories(page), { message: `categories with ${PRODUCTS_MIN} products` }).not.toEqual([]);
  await expect(forYou(page).first()).toBeVisible();
  const shown = await forYou(page).allInnerTexts();
  const names = (await fullCategories(page)).map((name) => ({ name, shown: shown.filter((item) => item.includes(name)).length }));
  names.sort((a, b) => a.shown - b.shown);
  return names[0]?.name ?? "";
}

const countOf = async (rows: Locator, category: string) => (await rows.allInnerTexts()).filter((text) => text.includes(category)).length;

test("clicks on one kind of product change what is recommended, and say how fast", async ({ page }) => {
  await page.goto("/");
  const category = await strangestCategory(page);
  const before = await countOf(forYou(page), category);

  await categories(page).getByRole("button", { name: new RegExp(`^${category}`) }).click();
  const open = products(page).getByRole("button", { name: /^Look at/ });
  await expect(open.nth(PRODUCTS_MIN - 1)).toBeVisible();
  const way = page.getByRole("region", { name: "This event's way" });
  // Some categories hang together less than others: there it takes a click or two more.
  const wanted = Math.max(3, before + 2);
  for (let at = 0; at < CLICKS_MAX && (at < 3 || (await countOf(forYou(page), category)) < wanted); at++) {
    await open.nth(at).click();
    // The way of this click has come to its end: a time is shown.
    await expect(way.getByRole("status")).toHaveText(/\d ms|\d s/);
  }

  await expect.poll(() => countOf(forYou(page), category), { message: `items of ${category}` }).toBeGreaterThanOrEqual(wanted);
  await expect(page.getByRole("region", { name: "For you" }).getByText("Personalised")).toBeVisible();
  await expect(page.getByRole("region", { name: "For you" }).getByText(/because you looked at/)).toBeVisible();
});

test("what is put into the cart stays there, for this shopper only", async ({ page }) => {
  await page.goto("/");
  const add = page.getByRole("button", { name: /^Add to cart: / }).and(page.locator(":enabled")).first();
  await expect(add).toBeVisible();
  const product = ((await add.getAttribute("aria-label")) ?? "").replace("Add to cart: ", "");
  await add.click();
  const remove = page.getByRole("button", { name: `Remove from cart: ${product}` });
  await expect(remove.first()).toBeVisible();

  // The history knows it a while after: as soon as the document is written.
  await expect(async () => {
    await page.reload();
    // The page says when it has loaded what it shows: the history was asked for after the reload, and is there.
    await expect(products(page)).toHaveAttribute("aria-busy", "false");
    expect(await remove.count()).toBeGreaterThan(0);
  }).toPass({ intervals: [500, 1000, AGAIN_MS] });

  await page.getByRole("button", { name: /^You are/ }).click();
  await page.getByRole("button", { name: "New shopper" }).click();
  await expect(page.getByRole("button", { name: `Add to cart: ${product}` }).first()).toBeVisible();
});

test("a search finds products and is kept in the address", async ({ page }) => {
  await page.goto("/");
  await expect(products(page).getByRole("listitem").first()).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("tent");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/[?&]q=tent/);
  await expect(page.getByText(/products? for “tent”/)).toBeVisible();
  await expect(products(page).getByRole("listitem").first()).toBeVisible();
});

test("what takes long says that it is loading, and nothing is taken for empty", async ({ page }) => {
  // Answers that wait until they are let go, as on a cluster that is busy.
  let go: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (go = resolve));
  for (const path of ["**/api/categories", "**/api/users/*/history*", "**/api/recommendations*"]) {
    await page.route(path, async (route) => {
      await held;
      await route.continue();
    });
  }
  await page.goto("/");
  await expect(categories(page)).toHaveAttribute("aria-busy", "true");
  await expect(products(page)).toHaveAttribute("aria-busy", "true");
  await expect(page.getByRole("status").filter({ hasText: "Loading categories… Loading your cart and likes…" })).toBeVisible();
  await expect(page.getByRole("region", { name: "For you" }).getByText("Loading recommendations…")).toBeVisible();
  go();
  await expect(categories(page)).toHaveAttribute("aria-busy", "false");
  await expect(products(page)).toHaveAttribute("aria-busy", "false");
  await expect(page.getByText("Loading your cart and likes…")).toBeHidden();
  await expect(forYou(page).first()).toBeVisible();
});

test("products that wait for their vector are said to, where they are missing", async ({ page }) => {
  const status = (await (await page.request.get("/api/status")).json()) as { products: { total: number; embedded: number } };
  status.products = { total: 600, embedded: 480 };
  const told = (data: unknown) => ({ contentType: "text/event-stream", body: `event: live\ndata: ${JSON.stringify(data)}\n\n` });
  await page.route("**/api/live", (route) => route.fulfill(told(status)));
  await page.goto("/");
  const region = page.getByRole("region", { name: "For you" });
  await expect(region.getByRole("status").filter({ hasText: "120 products are being prepared" })).toBeAttached();
  await expect(region.locator("p").filter({ hasText: "120 products are being prepared" })).toBeVisible();
  status.products.embedded = 600;
  await expect(region.getByRole("status").filter({ hasText: "All products are ready" })).toBeAttached();
  await expect(region.locator("p").filter({ hasText: "being prepared" })).toHaveCount(0);
});

test("actions that wait for their product are said to, and nothing moves for it", async ({ page }) => {
  const status = (await (await page.request.get("/api/status")).json()) as { waitingActions: number };
  status.waitingActions = 3;
  let waiting = 0;
  await page.route("**/api/live", (route) => route.fulfill({ contentType: "text/event-stream", body: `event: live\ndata: ${JSON.stringify(status)}\n\n` }));
  await page.route("**/api/users/*/preference", (route) => route.fulfill({ json: { waitingActions: waiting } }));
  await page.route("**/api/recommendations*", async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as object;
    await route.fulfill({ response, json: { ...answer, preference: { actionCount: 1, updatedAt: new Date().toISOString() } } });
  });
  await page.goto("/");
  const region = page.getByRole("region", { name: "For you" });
  const said = (text: string) => region.getByRole("status").filter({ hasText: text });
  const shown = region.locator("p").filter({ hasText: "1 action waits for its product to be prepared" });
  const top = async () => (await region.getByRole("list").boundingBox())?.y;
  await expect(forYou(page).first()).toBeVisible();
  const before = await top();
  waiting = 1;
  await expect(said("1 action waits for its product to be prepared")).toBeAttached();
  await expect(shown).toBeVisible();
  expect(await top()).toBe(before);
  waiting = 0;
  await expect(said("All actions count now")).toBeAttached();
  await expect(shown).toHaveCount(0);
  expect(await top()).toBe(before);
});
