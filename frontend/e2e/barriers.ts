import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

/** What keeps people out of the page as it stands, by rule. Drawings are left out: they are hidden from readers, and many. */
export async function barriers(page: Page): Promise<string[]> {
  // Colours are read from what is drawn: nothing may be on its way from one to another.
  await page.waitForFunction(() => document.getAnimations().every((one) => one.playState !== "running"));
  const { violations } = await new AxeBuilder({ page }).exclude("svg[aria-hidden]").analyze();
  const grave = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  return grave.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target.join(" ")} ${node.any.map((check) => check.message).join("; ")}`).join(" | ")}`);
}
