import { memo } from "react";
import { useTranslation } from "react-i18next";

import type { ActionType, Product } from "~/api/types";
import { nameOf } from "~/app/names";
import { ProductPicture } from "~/art/ProductPicture";
import { useLocale } from "~/i18n";
import { cx } from "~/lib/cx";
import { formatMoney } from "~/lib/format";
import { IconButton } from "~/ui/Button";
import { Badge } from "~/ui/States";

import css from "./shop.module.css";

export type Shown = Pick<Product, "productId" | "name" | "nameKo" | "category" | "brand" | "price" | "currency" | "stock" | "imageUrl">;

interface ProductCardProps {
  product: Shown;
  selected: boolean;
  looked: boolean;
  inCart: boolean;
  liked: boolean;
  onAct: (product: Shown, actionType: ActionType) => void;
}

const LOW_STOCK = 5;

export const ProductCard = memo(function ProductCard({ product, selected, looked, inCart, liked, onAct }: ProductCardProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const name = nameOf(product, locale);
  const soldOut = product.stock === 0;
  return (
    <li className={cx(css.card, soldOut && css.soldOut)} data-selected={selected}>
      <button type="button" className={css.open} onClick={() => onAct(product, "CLICK")} aria-label={t("shop.open", { name })}>
        <span className={css.picture}>
          <ProductPicture product={product} />
          <span className={css.flags}>
            {soldOut && <Badge>{t("stock.out")}</Badge>}
            {looked && <Badge tone="accent" icon="eye">{t("shop.looked")}</Badge>}
          </span>
        </span>
        <span className={css.words}>
          <span className={cx(css.kind, "clip")}>{[product.category, product.brand].filter(Boolean).join(" · ")}</span>
          <span className={css.name}>{name}</span>
        </span>
      </button>
      <div className={css.foot}>
        <span className={css.price}>
          {formatMoney(product.price, product.currency, locale)}{" "}
          {!soldOut && product.stock <= LOW_STOCK && <span className={css.low}>{t("stock.low", { count: product.stock })}</span>}
        </span>
        <IconButton icon="heart" filled={liked} aria-pressed={liked} label={`${liked ? t("shop.unlike") : t("shop.like")}: ${name}`} onClick={() => onAct(product, liked ? "REMOVE_FROM_WISHLIST" : "WISHLIST")} />
        <IconButton icon="cart" filled={inCart} aria-pressed={inCart} disabled={soldOut && !inCart} label={`${inCart ? t("shop.removeCart") : t("shop.addCart")}: ${name}`} onClick={() => onAct(product, inCart ? "REMOVE_FROM_CART" : "ADD_TO_CART")} />
      </div>
    </li>
  );
});
