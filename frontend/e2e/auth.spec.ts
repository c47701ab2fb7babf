import { randomBytes } from "node:crypto";

import { expect, type Page, test } from "@playwright/test";

import { barriers } from "./barriers.ts";
import { type Rep, startRep } from "./rep.ts";

const TOKEN = randomBytes(24).toString("hex");
const PORT_OFFSET = 22_000;

let rep: Rep | undefined;

test.beforeAll(async () => {
  rep = await startRep(PORT_OFFSET, ["--products", "60", "--users", "20", "--no-simulator"], { REP_OPERATOR_TOKEN: TOKEN });
});

test.afterAll(() => rep?.stop());

const open = (page: Page, path = "") => page.goto((rep?.url ?? "") + path);

const title = (page: Page) => page.getByRole("heading", { name: "This REP asks for an operator token" });
const field = (page: Page) => page.getByLabel("Operator token");
const products = (page: Page) => page.getByRole("list", { name: "Shop", exact: true }).getByRole("listitem");

async function signIn(page: Page, token = TOKEN): Promise<void> {
  await field(page).fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** The tickets by which `/live` was opened, as they come. */
function ticketsOf(page: Page): string[] {
  const tickets: string[] = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.pathname === "/api/live") tickets.push(url.searchParams.get("ticket") ?? "none");
  });
  return tickets;
}

test("asks for the token, refuses a wrong one, and shows the shop for the right one, by keyboard alone", async ({ page }) => {
  const addresses: string[] = [];
  const said: string[] = [];
  page.on("request", (request) => addresses.push(request.url()));
  page.on("console", (message) => said.push(message.text()));

  await open(page);
  await expect(title(page)).toBeVisible();
  await expect(page).toHaveTitle("Sign in · REP");
  await expect(field(page)).toBeFocused();
  await expect(products(page)).toHaveCount(0);

  await page.keyboard.type("guessed-and-wrong");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toHaveText("This REP does not accept this token.");
  await expect(field(page)).toBeFocused();

  // What is wrong is selected: typing replaces it.
  await page.keyboard.type(TOKEN);
  const live = page.waitForResponse((response) => new URL(response.url()).pathname === "/api/live");
  await page.keyboard.press("Enter");
  await expect(products(page).first()).toBeVisible();
  expect((await live).status()).toBe(200);
  await expect(page.getByRole("button", { name: "Health: All well" })).toBeVisible();

  // The tab knows it, and nothing else does.
  await page.reload();
  await expect(products(page).first()).toBeVisible();
  await expect(title(page)).toBeHidden();
  // Cookies and what outlives the tab.
  expect(JSON.stringify(await page.context().storageState())).not.toContain(TOKEN);
  expect(addresses.filter((address) => address.includes(TOKEN))).toEqual([]);
  expect(said.filter((text) => text.includes(TOKEN))).toEqual([]);
});

test("every page has its data, and a click comes back by its stream", async ({ page }) => {
  await open(page);
  await signIn(page);
  await products(page).getByRole("button", { name: /^Look at/ }).first().click();
  await expect(page.getByRole("region", { name: "This event's way" }).getByRole("status")).toHaveText(/\d ms|\d s/);

  const refused: string[] = [];
  page.on("response", (response) => response.status() === 401 && refused.push(response.url()));
  const main = page.getByRole("navigation", { name: "Main" });
  await main.getByRole("link", { name: "Recommendations" }).click();
  await expect(page.getByRole("gridcell").first()).toBeVisible();
  await main.getByRole("link", { name: "Live" }).click();
  await expect(page.getByRole("img", { name: /^Events\./ })).toBeVisible();
  // The simulator's routes stand beside the API's.
  await main.getByRole("link", { name: "Simulator" }).click();
  await expect(page.getByText("The simulator is not part of this run").or(page.getByRole("radio", { name: /^Steady/ }))).toBeVisible();
  await main.getByRole("link", { name: "Notifications" }).click();
  await expect(page.getByText("live", { exact: true })).toBeVisible();
  expect(refused).toEqual([]);
});

test("each connection of a stream takes a ticket of its own", async ({ page }) => {
  const tickets = ticketsOf(page);
  let cut = 2;
  // Two connections end at once; the third is the real one.
  await page.route(({ pathname, searchParams }) => pathname === "/api/live" && searchParams.has("ticket"), (route) => (cut-- > 0 ? route.fulfill({ contentType: "text/event-stream", body: ": hello\n\n" }) : route.continue()));
  await open(page);
  await signIn(page);
  await expect(page.getByRole("button", { name: "Health: All well" })).toBeVisible();
  const taken = tickets.filter((ticket) => ticket !== "none");
  expect(taken.length).toBeGreaterThanOrEqual(3);
  expect(new Set(taken).size).toBe(taken.length);
});

test("signing out forgets the token and all that was seen", async ({ page }) => {
  await open(page);
  await signIn(page);
  await expect(products(page).first()).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByText("You are signed out.")).toBeVisible();
  await expect(products(page)).toHaveCount(0);
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  await page.reload();
  await expect(title(page)).toBeVisible();
});

test("a token that is refused later is asked for again, on the page one was on", async ({ page }) => {
  await open(page, "/recommendations");
  await signIn(page);
  await expect(page.getByRole("gridcell").first()).toBeVisible();
  // As after a restart with another token.
  await page.route("**/api/**", (route) => route.fulfill({ status: 401, contentType: "application/problem+json", body: JSON.stringify({ type: "urn:rep:problem:unauthorized", title: "A valid token is required", status: 401 }) }));
  await page.getByRole("link", { name: "Live" }).click();
  await expect(page.getByText("The token is no longer accepted. Enter the one that is valid now.")).toBeVisible();
  await page.unroute("**/api/**");
  await signIn(page);
  await expect(page).toHaveURL(/\/live$/);
  await expect(page.getByRole("img", { name: /^Events\./ })).toBeVisible();
});

for (const scheme of ["light", "dark"] as const) {
  test(`the sign-in has nothing that keeps people out (${scheme})`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await open(page);
    await expect(title(page)).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("data-theme", scheme);
    expect(await barriers(page)).toEqual([]);
    await signIn(page, "guessed-and-wrong");
    await expect(page.getByRole("alert")).toHaveText("This REP does not accept this token.");
    expect(await barriers(page)).toEqual([]);
  });
}

test("asks in Korean, on a phone", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page);
  await page.getByRole("button", { name: "한국어" }).click();
  await expect(page.getByRole("heading", { name: "이 REP는 운영자 토큰이 필요합니다" })).toBeVisible();
  await page.getByLabel("운영자 토큰").fill(TOKEN);
  await page.getByRole("button", { name: "로그인" }).click();
  await expect(page.getByRole("heading", { name: "추천 상품" })).toBeVisible();
  await page.getByRole("button", { name: "테마와 언어" }).click();
  await page.getByRole("button", { name: "로그아웃" }).click();
  await expect(page.getByText("로그아웃했습니다.")).toBeVisible();
});
