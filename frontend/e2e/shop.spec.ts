import { expect, type Locator, type Page, test } from "@playwright/test";

const forYou = (page: Page) => page.getByRole("region", { name: "For you" }).getByRole("listitem");

const CLICKS_MAX = 6;

/** The category that fewest of the shown items have, with enough products to click. */
async function strangestCategory(page: Page): Promise<string> {
  await expect(forYou(page).first()).toBeVisible();
  const shown = await forYou(page).allInnerTexts();
  const chips = page.getByRole("group", { name: "Category" }).getByRole("button");
  const names: { name: string; shown: number }[] = [];
  for (const text of await chips.allInnerTexts()) {
    const [, name, count] = /^(.+?)\s+(\d+)$/.exec(text.replaceAll("\n", " ")) ?? [];
    if (name && Number(count) >= 8) names.push({ name, shown: shown.filter((item) => item.includes(name)).length });
  }
  names.sort((a, b) => a.shown - b.shown);
  const [first] = names;
  if (!first) throw new Error("no category has eight products");
  return first.name;
}

const countOf = async (rows: Locator, category: string) => (await rows.allInnerTexts()).filter((text) => text.includes(category)).length;

test("clicks on one kind of product change what is recommended, and say how fast", async ({ page }) => {
  await page.goto("/");
  const category = await strangestCategory(page);
  const before = await countOf(forYou(page), category);

  await page.getByRole("group", { name: "Category" }).getByRole("button", { name: new RegExp(`^${category}`) }).click();
  const products = page.getByRole("list", { name: "Shop", exact: true }).getByRole("button", { name: /^Look at/ });
  await expect(products.nth(3)).toBeVisible();
  const way = page.getByRole("region", { name: "This event's way" });
  // Some categories hang together less than others: there it takes a click or two more.
  const wanted = Math.max(3, before + 2);
  for (let at = 0; at < CLICKS_MAX && (at < 3 || (await countOf(forYou(page), category)) < wanted); at++) {
    await products.nth(at).click();
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

  // The history knows it soon after.
  await expect(async () => {
    await page.reload();
    await expect(remove.first()).toBeVisible({ timeout: 1500 });
  }).toPass({ timeout: 15_000 });

  await page.getByRole("button", { name: /^You are/ }).click();
  await page.getByRole("button", { name: "New shopper" }).click();
  await expect(page.getByRole("button", { name: `Add to cart: ${product}` }).first()).toBeVisible();
});

test("a search finds products and is kept in the address", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("list", { name: "Shop", exact: true }).getByRole("listitem").first()).toBeVisible();
  await page.keyboard.press("/");
  await page.keyboard.type("tent");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/[?&]q=tent/);
  await expect(page.getByText(/products? for “tent”/)).toBeVisible();
  await expect(page.getByRole("list", { name: "Shop", exact: true }).getByRole("listitem").first()).toBeVisible();
});
