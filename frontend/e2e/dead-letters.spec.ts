import { type APIRequestContext, expect, type Page, test } from "@playwright/test";

import { barriers } from "./barriers.ts";

interface Made {
  id: string;
  traceId: string;
  userId: string;
}

interface Letters {
  items: { id: string; key?: string }[];
}

const newest = async (request: APIRequestContext): Promise<Letters> => (await (await request.get("/api/dead-letters?limit=200")).json()) as Letters;

/** The dead letter that `make test` puts there before REP starts: the API takes no event that its consumer would not. */
async function findLetter(request: APIRequestContext): Promise<Made> {
  let found: Letters["items"][number] | undefined;
  await expect.poll(async () => (found = (await newest(request)).items.findLast((one) => one.key === "late")), { message: "a dead letter of `late`: docs/testing.md says how it gets there" }).toBeTruthy();
  const id = found?.id ?? "";
  const letter = (await (await request.get(`/api/dead-letters/${id}`)).json()) as { event: { traceId: string } };
  return { id, traceId: letter.event.traceId, userId: "late" };
}

let made: Made;
test.beforeAll(async ({ request }) => {
  made = await findLetter(request);
});

const row = (page: Page, id: string) => page.getByRole("row").filter({ has: page.getByRole("gridcell", { name: id, exact: true }) });
const panel = (page: Page) => page.getByRole("complementary", { name: `Dead letter ${made.id}` });
const editor = (page: Page) => page.getByLabel("Repaired event, as JSON");

async function open(page: Page): Promise<void> {
  await page.goto("/live/dead-letters");
  await row(page, made.id).click();
  await expect(panel(page)).toBeVisible();
}

/** Where the page says that the record stands, and where the API told it to be. */
async function placeAfter(page: Page, press: () => Promise<void>): Promise<{ partition: number; offset: number; key: string | undefined }> {
  const answered = page.waitForResponse((response) => response.url().endsWith("/replay") && response.status() === 200);
  await press();
  const response = await answered;
  const place = (await response.json()) as { partition: number; offset: number };
  await expect(panel(page).getByRole("status")).toContainText(`partition ${place.partition}, offset ${place.offset.toLocaleString("en")}`);
  return { ...place, key: response.request().headers()["idempotency-key"] };
}

test("a dead letter is found from Live, read, and replayed by force, by keyboard alone", async ({ page }) => {
  await page.goto("/live");
  await page.getByRole("link", { name: "All dead letters" }).press("Enter");
  await expect(page).toHaveURL(/\/live\/dead-letters$/);
  await expect(page).toHaveTitle("Dead letters · REP");
  await expect(page.getByText(/\d+ kept/)).toBeVisible();

  await row(page, made.id).focus();
  await page.keyboard.press("Enter");
  await expect(panel(page)).toBeFocused();
  await expect(page).toHaveURL(new RegExp(`letter=${made.id}`));
  await expect(panel(page).getByRole("region", { name: "What the record says" })).toContainText(`"traceId": "${made.traceId}"`);

  await panel(page).getByRole("button", { name: "Replay as it was" }).press("Enter");
  await expect(panel(page).getByRole("alert")).toContainText("would be dead-lettered again");
  await placeAfter(page, () => panel(page).getByRole("button", { name: "Replay all the same" }).press("Enter"));
  await expect(panel(page).getByText(/the letter stays in the list/)).toBeVisible();

  await page.keyboard.press("Escape");
  await expect(panel(page)).toBeHidden();
  await expect(row(page, made.id)).toBeFocused();
  await expect(row(page, made.id)).toContainText("replayed");
  // It was tried once more, and is here once more.
  await expect(row(page, made.id)).toBeVisible();
  await expect.poll(async () => (await newest(page.request)).items.filter((one) => one.key === made.userId).length).toBeGreaterThan(1);
});

test("a dead letter is repaired, and has its effect then", async ({ page }) => {
  await open(page);
  await panel(page).getByRole("button", { name: "Repair it first" }).click();
  await expect(editor(page)).toBeFocused();
  const event = JSON.parse(await editor(page).inputValue()) as Record<string, unknown>;
  const send = panel(page).getByRole("button", { name: "Replay the repaired event" });
  const told = panel(page).getByRole("alert");

  await editor(page).fill('{\n  "traceId": "t-1"\n  "userId": "ann"\n}');
  await send.click();
  await expect(told).toHaveText("This is not JSON: look at line 3, column 3.");
  await expect(editor(page)).toBeFocused();

  await editor(page).fill(JSON.stringify({ ...event, traceId: "another" }));
  await send.click();
  await expect(told).toHaveText(`event.traceId must stay ${made.traceId}: the same event has its effect once`);

  const repaired = JSON.stringify({ ...event, timestamp: new Date().toISOString() });
  await editor(page).fill(repaired);
  // What is typed is not lost with the panel; and Escape in the midst of it closes nothing.
  await page.keyboard.press("Escape");
  await expect(panel(page)).toBeVisible();
  await panel(page).getByRole("button", { name: "Close" }).click();
  await row(page, made.id).click();
  await expect(editor(page)).toHaveValue(repaired);

  const first = await placeAfter(page, () => send.click());
  expect(first.key).toMatch(/^[0-9a-f]{32}$/);
  await expect.poll(async () => {
    const history = await page.request.get(`/api/users/${made.userId}/history`);
    return history.ok() ? ((await history.json()) as { items: unknown[] }).items.length : 0;
  }).toBeGreaterThan(0);
  expect((await placeAfter(page, () => send.click())).key).not.toBe(first.key);
});

test("an answer that is lost is asked for again, and no second record is written", async ({ page }) => {
  const keys: (string | undefined)[] = [];
  const places: unknown[] = [];
  await page.route("**/api/dead-letters/*/replay", async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    const response = await route.fetch();
    places.push(await response.json());
    await (keys.length === 1 ? route.abort() : route.fulfill({ response }));
  });
  await open(page);
  await panel(page).getByRole("button", { name: "Repair it first" }).click();
  const event = JSON.parse(await editor(page).inputValue()) as Record<string, unknown>;
  await editor(page).fill(JSON.stringify({ ...event, timestamp: new Date().toISOString() }));
  await placeAfter(page, () => panel(page).getByRole("button", { name: "Replay the repaired event" }).click());
  expect(keys).toHaveLength(2);
  expect(keys[1]).toBe(keys[0]);
  expect(places[1]).toEqual(places[0]);
});

test("the list is filtered, and says what is missing, stale or failed", async ({ page }) => {
  await page.goto("/live/dead-letters");
  await expect(row(page, made.id)).toBeVisible();
  await page.getByLabel("Reason").selectOption("PANIC");
  await expect(page).toHaveURL(/reason=PANIC/);
  await expect(page.getByText("None matches", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await page.getByLabel("Reason").selectOption("INVALID");
  await page.getByLabel("Topic").selectOption("user.action.v1");
  await expect(row(page, made.id)).toBeVisible();

  await page.route("**/api/dead-letters?*", (route) => route.fulfill({ status: 500, contentType: "application/problem+json", body: JSON.stringify({ type: "urn:rep:problem:internal", title: "Something broke here", status: 500 }) }));
  await expect(page.getByText("The list could not be brought up to date.")).toBeVisible();
  await expect(row(page, made.id)).toBeVisible();
  await page.reload();
  await expect(page.getByRole("alert").getByText("Something broke here")).toBeVisible();
  await page.unroute("**/api/dead-letters?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(row(page, made.id)).toBeVisible();
  await page.goto("/live/dead-letters?letter=0-999999999");
  await expect(page.getByText("no dead letter 0-999999999")).toBeVisible();
});

test("older letters come page by page", async ({ page }) => {
  // More than a page of them would take too long to make.
  const letter = (await newest(page.request)).items[0];
  const pages = new Map([["", { items: [{ ...letter, id: "0-2" }], total: 2, nextCursor: "older" }], ["older", { items: [{ ...letter, id: "0-1" }], total: 2 }]]);
  await page.route("**/api/dead-letters?*", (route) => route.fulfill({ json: pages.get(new URL(route.request().url()).searchParams.get("cursor") ?? "") }));
  await page.goto("/live/dead-letters");
  await expect(row(page, "0-2")).toBeVisible();
  await expect(row(page, "0-1")).toHaveCount(0);
  await page.getByRole("button", { name: "Load more" }).click();
  await expect(row(page, "0-1")).toBeVisible();
  await expect(page.getByRole("button", { name: "Load more" })).toHaveCount(0);
});

for (const scheme of ["light", "dark"] as const) {
  test(`dead letters have nothing that keeps people out (${scheme})`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await open(page);
    await expect(page.locator("html")).toHaveAttribute("data-theme", scheme);
    await panel(page).getByRole("button", { name: "Replay as it was" }).click();
    await expect(panel(page).getByRole("alert")).toBeVisible();
    expect(await barriers(page)).toEqual([]);
    await panel(page).getByRole("button", { name: "Repair it first" }).click();
    await editor(page).fill("nonsense");
    const send = panel(page).getByRole("button", { name: "Replay the repaired event" });
    await send.click();
    await expect(panel(page).getByRole("alert")).toContainText("This is not JSON");
    expect(await barriers(page)).toEqual([]);
    await panel(page).getByRole("button", { name: "Start over" }).click();
    await editor(page).fill((await editor(page).inputValue()).replace(/"timestamp": "[^"]*"/, `"timestamp": "${new Date().toISOString()}"`));
    await placeAfter(page, () => send.click());
    expect(await barriers(page)).toEqual([]);
  });
}

test("bytes that are no event are shown, on a phone, in Korean", async ({ page }) => {
  // No request can make a record that does not decode: the API encodes what it takes.
  await page.route(`**/api/dead-letters/${made.id}`, async (route) => {
    const letter = (await (await route.fetch()).json()) as Record<string, unknown>;
    await route.fulfill({ json: { ...letter, event: undefined, reason: "MALFORMED", decodeError: { reason: "MALFORMED", message: "ends too soon" } } });
  });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto("/live/dead-letters");
  await page.getByRole("button", { name: "Theme and language" }).click();
  await page.getByRole("button", { name: "한국어" }).click();
  await row(page, made.id).click();
  await expect(page.getByRole("heading", { name: `데드 레터 ${made.id}` })).toBeVisible();
  await expect(page.getByText("ends too soon")).toBeVisible();
  await expect(page.getByRole("region", { name: "페이로드" })).toContainText("0000  00");
  await page.getByRole("button", { name: "먼저 고치기" }).click();
  await expect(page.getByLabel("고친 이벤트 (JSON)")).toHaveValue(new RegExp(`"userId": "${made.userId}"`));
  // Nothing is wider than the phone.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  expect(await barriers(page)).toEqual([]);
});
