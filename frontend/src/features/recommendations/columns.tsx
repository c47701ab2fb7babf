import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { RecommendedItem } from "~/api/types";
import { nameOf } from "~/app/names";
import { reasonText } from "~/app/reasons";
import { ProductPicture } from "~/art/ProductPicture";
import { useLocale } from "~/i18n";
import { cx } from "~/lib/cx";
import { formatMoney, formatNumber, NONE } from "~/lib/format";
import type { Column } from "~/ui/DataTable";
import { Badge } from "~/ui/States";

import { PartsBar } from "./Parts";
import css from "./rec.module.css";

const LOW_STOCK = 5;

/** The columns of a list of recommendations; fewer where two stand side by side. */
export function useColumns(items: readonly RecommendedItem[], shared: ReadonlySet<string>, compact: boolean): readonly Column<RecommendedItem>[] {
  const { t } = useTranslation();
  const locale = useLocale();
  return useMemo(() => {
    const rank = new Map(items.map((item, at) => [item.productId, at + 1]));
    const rankOf = (item: RecommendedItem) => rank.get(item.productId) ?? 0;
    const top = Math.max(...items.map((item) => item.score), 0);
    const always: Column<RecommendedItem>[] = [
      { id: "rank", name: t("rec.rank"), width: "52px", end: true, sort: rankOf, cell: rankOf },
      {
        id: "name",
        name: t("common.product"),
        width: "minmax(200px, 3fr)",
        sort: (item) => item.name,
        cell: (item) => (
          <div className={css.product}>
            <ProductPicture product={item} className={css.thumb} />
            <span>
              <span className={cx(css.name, "clip")}>{nameOf(item, locale)}</span>
              <span className="muted clip">{item.category} {shared.has(item.productId) && <span className={css.shared}>· {t("rec.shared")}</span>}</span>
            </span>
          </div>
        ),
      },
      { id: "score", name: t("rec.score"), width: "84px", end: true, sort: (item) => item.score, cell: (item) => formatNumber(item.score, locale, 3) },
      { id: "parts", name: t("rec.parts"), width: "minmax(110px, 1fr)", cell: (item) => item.explain && <PartsBar explain={item.explain} top={top} /> },
    ];
    if (compact) return always;
    return [
      ...always,
      { id: "why", name: t("rec.reasons"), width: "minmax(170px, 2fr)", cell: (item) => <Why item={item} /> },
      { id: "price", name: t("common.price"), width: "104px", end: true, sort: (item) => Number(item.price), cell: (item) => formatMoney(item.price, item.currency, locale) },
      { id: "stock", name: t("common.stock"), width: "96px", end: true, sort: (item) => item.stock, cell: ({ stock }) => (stock === 0 ? <Badge>{t("stock.out")}</Badge> : stock <= LOW_STOCK ? <Badge tone="warn">{t("stock.low", { count: stock })}</Badge> : formatNumber(stock, locale)) },
    ];
  }, [items, shared, compact, t, locale]);
}

function Why({ item }: { item: RecommendedItem }) {
  const { t } = useTranslation();
  const [first, ...rest] = item.reasons;
  if (!first) return NONE;
  return (
    <span title={item.reasons.map((reason) => reasonText(reason, t)).join("\n")}>
      {reasonText(first, t)}
      {rest.length > 0 && <span className="muted"> +{rest.length}</span>}
    </span>
  );
}
