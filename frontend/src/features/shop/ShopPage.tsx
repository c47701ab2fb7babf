import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { categoriesQuery, productQuery, productsQuery, searchQuery } from "~/api/queries";
import type { ActionType } from "~/api/types";
import { nameOf } from "~/app/names";
import { useShopper } from "~/app/shopper";
import { useLocale } from "~/i18n";
import { useLate } from "~/lib/useLate";

import { EventWay } from "./EventWay";
import { Failed } from "./Failed";
import { ForYou } from "./ForYou";
import { LookingAt } from "./LookingAt";
import { useMarks } from "./marks";
import type { Shown } from "./ProductCard";
import { ProductGrid } from "./ProductGrid";
import { ShopBar } from "./ShopBar";
import css from "./shop.module.css";
import { useLoop } from "./useLoop";

const route = getRouteApi("/");
const SEARCH_LIMIT = 48;

export function ShopPage() {
  const userId = useShopper();
  return <ShopOf key={userId} userId={userId} />;
}

/** The shop as one shopper sees it; on the right what REP makes of it. */
function ShopOf({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const client = useQueryClient();
  const { category, q, item } = route.useSearch();
  const navigate = route.useNavigate();
  const { loop, state } = useLoop(userId);
  const { marks, mark, ...history } = useMarks(userId);
  const [clicked, setClicked] = useState<Shown | null>(null);

  const browse = useInfiniteQuery({ ...productsQuery({ category }), enabled: !q });
  const found = useQuery(searchQuery({ q: q ?? "", category, limit: SEARCH_LIMIT, userId }));
  const opened = useQuery({ ...productQuery(item ?? ""), enabled: item !== undefined });
  const products: readonly Shown[] | undefined = useMemo(() => (q ? found.data?.items : browse.data?.pages.flatMap((page) => page.items)), [q, found.data, browse.data]);
  const total = q ? (found.data?.items.length ?? 0) : (browse.data?.pages[0]?.total ?? 0);

  const onAct = useCallback(
    (product: Shown, actionType: ActionType) => {
      const act = { actionType, productId: product.productId };
      void loop.act({ ...act, productName: nameOf(product, locale) }).then((sent) => sent && mark(act));
      if (actionType === "CLICK") {
        setClicked(product);
        void navigate({ search: (before) => ({ ...before, item: product.productId }), replace: true, resetScroll: false });
      }
      // Whoever looks at it next asks again: right now the action has had no effect yet.
      void client.invalidateQueries({ queryKey: ["preference", userId], refetchType: "none" });
    },
    [loop, mark, navigate, client, userId, locale],
  );

  const { fetchNextPage } = browse;
  const onMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);

  const onSearch = (text: string) => {
    void navigate({ search: (before) => ({ ...before, q: text || undefined, item: undefined }) });
    if (text) void loop.act({ actionType: "SEARCH", productName: text, searchQuery: text });
  };

  const looking = item === undefined ? null : (opened.data ?? (clicked?.productId === item ? clicked : null));

  return (
    <div className={css.page}>
      <h1 className="sr-only">{t("shop.title")}</h1>
      <div className={css.shop}>
        <ShopBar
          userId={userId}
          actionCount={state.answer?.preference?.actionCount ?? 0}
          category={category}
          query={q ?? ""}
          recommended={state.answer?.items ?? null}
          acts={state.journeys.length}
          onSearch={onSearch}
          onCategory={(next) => void navigate({ search: (before) => ({ ...before, category: next, item: undefined }) })}
        />
        <Waiting products={!products && !(q ? found.error : browse.error)} marks={history.isPending} />
        {history.error && <Failed text={t("shop.marksFailed")} onRetry={() => void history.refetch()} />}
        <ProductGrid
          products={products}
          total={total}
          query={q}
          selected={item}
          marks={marks}
          marksPending={history.isPending}
          error={q ? found.error : browse.error}
          onRetry={() => void (q ? found.refetch() : browse.refetch())}
          onMore={!q && browse.hasNextPage ? onMore : undefined}
          loadingMore={browse.isFetchingNextPage}
          onAct={onAct}
        />
        {looking && (
          <LookingAt
            product={looking}
            inCart={marks.cart.has(looking.productId)}
            liked={marks.liked.has(looking.productId)}
            onAct={onAct}
            onClose={() => void navigate({ search: (before) => ({ ...before, item: undefined }), replace: true, resetScroll: false })}
          />
        )}
      </div>
      <aside className={css.aside}>
        <ForYou userId={userId} state={state} onRetry={loop.retry} onOpen={(recommended) => onAct(recommended, "CLICK")} />
        <EventWay journeys={state.journeys} />
      </aside>
    </div>
  );
}

/** Names what is still to come, once it takes longer than one notices. The region is always there, so that it is heard. */
function Waiting({ products, marks }: { products: boolean; marks: boolean }) {
  const { t } = useTranslation();
  const categories = useQuery(categoriesQuery).isPending;
  const late = useLate(products || marks || categories);
  const parts = late ? [products && t("shop.waitProducts"), categories && t("shop.waitCategories"), marks && t("shop.waitMarks")] : [];
  return <p className={css.waiting} role="status">{parts.filter(Boolean).join(" ")}</p>;
}
