import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import type { ActionType } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { Button } from "~/ui/Button";
import { Skeleton, StateNote } from "~/ui/States";

import type { Marks } from "./marks";
import { ProductCard, type Shown } from "./ProductCard";
import css from "./shop.module.css";

interface ProductGridProps {
  products: readonly Shown[] | undefined;
  total: number;
  query: string | undefined;
  selected: string | undefined;
  marks: Marks;
  /** The marks are still to come. */
  marksPending: boolean;
  error: unknown;
  onRetry: () => void;
  onMore: (() => void) | undefined;
  loadingMore: boolean;
  onAct: (product: Shown, actionType: ActionType) => void;
}

const GHOSTS = 18;

export function ProductGrid({ products, total, query, selected, marks, marksPending, error, onRetry, onMore, loadingMore, onAct }: ProductGridProps) {
  const { t } = useTranslation();
  if (!products) {
    if (error) return <ErrorNote error={error} onRetry={onRetry} />;
    return (
      <>
        <p className={css.count}><Skeleton width={80} height={10} /></p>
        <ul className={css.grid} aria-label={t("common.loading")} aria-busy="true">
          {Array.from({ length: GHOSTS }, (_, at) => (
            <li key={at} className={css.card}>
              <Skeleton className={css.picture} height="auto" radius={0} />
              <div className={css.words}><Skeleton width="50%" height={10} /><Skeleton /><Skeleton width="70%" /></div>
              <div className={css.foot}><Skeleton width={52} /></div>
            </li>
          ))}
        </ul>
      </>
    );
  }
  if (products.length === 0) {
    return query ? <StateNote icon="search" title={t("shop.emptyGrid")} text={t("shop.emptyGridHint")} /> : <StateNote icon="box" title={t("shop.noProducts")} text={t("shop.noProductsHint")} />;
  }
  return (
    <>
      <p className={css.count} role="status">
        <span className="num">{t("shop.results", { count: total })}</span> {query && t("shop.resultsFor", { query })}
      </p>
      <ul className={css.grid} aria-label={t("shop.title")} aria-busy={marksPending}>
        {products.map((product) => (
          <ProductCard
            key={product.productId}
            product={product}
            selected={product.productId === selected}
            looked={marks.looked.has(product.productId)}
            inCart={marks.cart.has(product.productId)}
            liked={marks.liked.has(product.productId)}
            onAct={onAct}
          />
        ))}
      </ul>
      {onMore && <More onMore={onMore} loading={loadingMore} />}
    </>
  );
}

/** Loads the next page when it comes near; the button is for keyboards. */
function More({ onMore, loading }: { onMore: () => void; loading: boolean }) {
  const { t } = useTranslation();
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const node = ref.current;
    if (!node) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && onMore(), { rootMargin: "400px" });
    observer.observe(node);
    return () => observer.disconnect();
  }, [onMore]);
  return (
    <div ref={ref} className={css.more}>
      <Button onClick={onMore} disabled={loading}>{loading ? t("common.loading") : t("common.more")}</Button>
    </div>
  );
}
