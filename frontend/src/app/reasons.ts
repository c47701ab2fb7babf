import type { TFunction } from "i18next";

import type { Reason } from "~/api/types";

const ACTS = ["VIEW", "CLICK", "SEARCH", "ADD_TO_CART", "REMOVE_FROM_CART", "WISHLIST", "REMOVE_FROM_WISHLIST", "PURCHASE", "DISLIKE"] as const;
export type Act = (typeof ACTS)[number];

export function isAct(text: string | null | undefined): text is Act {
  return ACTS.some((act) => act === text);
}

/** The same in a few words, for narrow rows. */
export function shortReason(reason: Reason, t: TFunction): string {
  return reason.productName ? t("reason.short", { product: reason.productName }) : reasonText(reason, t);
}

/** A reason in the page's language; the server's own words where we know none. */
export function reasonText(reason: Reason, t: TFunction): string {
  const product = reason.productName ?? undefined;
  if (product && isAct(reason.actionType)) return t("reason.because", { act: t(`act.${reason.actionType}`), product });
  if (product) return t("reason.similar", { product });
  switch (reason.kind) {
    case "TASTE":
      return t("reason.taste");
    case "POPULAR":
      return t("reason.popular");
    case "SEARCH_WORDS":
      return t("reason.words");
    case "SEARCH_MEANING":
      return t("reason.meaning");
    case "CATALOGUE":
      return t("reason.catalogue");
    default:
      return reason.text;
  }
}
