import { expect, test } from "@playwright/test";

import { AGAIN_MS } from "./patience.ts";

test("the price of a carted product drops, and the shopper hears of it at once", async ({ page }) => {
  await page.goto("/notifications");
  const change = page.getByRole("region", { name: "Change a product" });
  await change.getByRole("button", { name: "Put this product in my cart first" }).click();
  await expect(change.getByText("In your cart")).toBeVisible();
  await expect(page.getByText("live", { exact: true })).toBeVisible();

  // The cart is known to the notifier a moment after it is known to the log: a drop before that reaches nobody.
  const inbox = page.getByRole("list", { name: "Inbox" });
  await expect(async () => {
    await change.getByRole("button", { name: "−20 %" }).click();
    await change.getByRole("button", { name: "Change it" }).click();
    await expect(inbox.getByRole("listitem").first()).toBeVisible({ timeout: AGAIN_MS });
  }).toPass();

  await expect(inbox.getByRole("listitem").first()).toContainText("Price drop");
  await expect(change.getByText(/Arrived .* after the change/)).toBeVisible();
  await expect(page.getByRole("link", { name: /Notifications, \d+ unread/ })).toBeVisible();

  await inbox.getByRole("button", { name: /^Mark as read/ }).first().click();
  await expect(inbox.getByRole("listitem").first().getByRole("button", { name: /^Mark as read/ })).toHaveCount(0);
});

test("settings are kept", async ({ page }) => {
  await page.goto("/notifications");
  const sms = page.getByRole("switch", { name: /SMS/ });
  const before = await sms.isChecked();
  const saved = page.waitForResponse((response) => response.url().includes("notification-settings") && response.request().method() === "PUT");
  await sms.click();
  expect((await saved).ok()).toBe(true);
  await page.reload();
  await expect(page.getByRole("switch", { name: /SMS/ })).toBeChecked({ checked: !before });
});
