import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";

import { historyQuery } from "~/api/queries";
import type { HistoryItem } from "~/api/types";

export interface Marks {
  cart: ReadonlySet<string>;
  liked: ReadonlySet<string>;
  looked: ReadonlySet<string>;
  bought: ReadonlySet<string>;
}

interface Done {
  actionType: string;
  productId?: string | null | undefined;
}

/** What a shopper's acts, the oldest first, leave in the cart and among the likes. */
export function marksOf(acts: readonly Done[]): Marks {
  const cart = new Set<string>();
  const liked = new Set<string>();
  const looked = new Set<string>();
  const bought = new Set<string>();
  for (const { actionType, productId } of acts) {
    if (!productId) continue;
    if (actionType === "ADD_TO_CART") cart.add(productId);
    if (actionType === "REMOVE_FROM_CART" || actionType === "PURCHASE") cart.delete(productId);
    if (actionType === "WISHLIST") liked.add(productId);
    if (actionType === "REMOVE_FROM_WISHLIST" || actionType === "DISLIKE") liked.delete(productId);
    if (actionType === "CLICK") looked.add(productId);
    if (actionType === "PURCHASE") bought.add(productId);
  }
  return { cart, liked, looked, bought };
}

/** The marks of the shopper's history, and at once those of what is done now. */
export function useMarks(userId: string) {
  const { data, isPending, error, refetch } = useQuery(historyQuery(userId));
  const [done, setDone] = useState<readonly Done[]>([]);
  const marks = useMemo(() => {
    const past: readonly HistoryItem[] = data?.items ?? [];
    return marksOf([...past.toReversed(), ...done]);
  }, [data, done]);
  const mark = useCallback((act: Done) => setDone((before) => [...before, act]), []);
  return { marks, mark, isPending, error: data ? null : error, refetch };
}
