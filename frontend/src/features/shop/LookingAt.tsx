import { useTranslation } from "react-i18next";

import type { ActionType } from "~/api/types";
import { nameOf } from "~/app/names";
import { ProductPicture } from "~/art/ProductPicture";
import { useLocale } from "~/i18n";
import { formatMoney } from "~/lib/format";
import { Button, IconButton } from "~/ui/Button";
import { useEscape } from "~/ui/useEscape";

import type { Shown } from "./ProductCard";
import css from "./shop.module.css";

interface LookingAtProps {
  product: Shown & { description?: string; descriptionKo?: string | null };
  inCart: boolean;
  liked: boolean;
  onAct: (product: Shown, actionType: ActionType) => void;
  onClose: () => void;
}

/** The product that was clicked, with all that one may do with it. */
export function LookingAt({ product, inCart, liked, onAct, onClose }: LookingAtProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const text = locale === "ko" && product.descriptionKo ? product.descriptionKo : product.description;
  const soldOut = product.stock === 0;
  useEscape(onClose);
  return (
    <section className={css.looking} aria-label={t("shop.looking")}>
      <ProductPicture product={product} className={css.lookingArt} />
      <div>
        <div className={css.lookingHead}>
          <h2>{nameOf(product, locale)}</h2>
          <span className={css.price}>{formatMoney(product.price, product.currency, locale)}</span>
          <span className="muted num">{soldOut ? t("stock.out") : t("stock.low", { count: product.stock })}</span>
        </div>
        {text && <p className={css.lookingText}>{text}</p>}
      </div>
      <div className={css.lookingActs}>
        <Button tone="primary" icon="cart" disabled={soldOut && !inCart} onClick={() => onAct(product, inCart ? "REMOVE_FROM_CART" : "ADD_TO_CART")}>{inCart ? t("shop.removeCart") : t("shop.addCart")}</Button>
        <Button icon="heart" onClick={() => onAct(product, liked ? "REMOVE_FROM_WISHLIST" : "WISHLIST")}>{liked ? t("shop.unlike") : t("shop.like")}</Button>
        <Button icon="bag" disabled={soldOut} onClick={() => onAct(product, "PURCHASE")}>{t("shop.buy")}</Button>
        <Button tone="quiet" icon="thumbDown" onClick={() => onAct(product, "DISLIKE")}>{t("shop.dislike")}</Button>
        <IconButton icon="x" label={t("common.close")} onClick={onClose} />
      </div>
    </section>
  );
}
