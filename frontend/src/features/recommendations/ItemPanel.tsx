import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { curlOf } from "~/api/client";
import { similarQuery } from "~/api/queries";
import type { RecommendedItem } from "~/api/types";
import { nameOf } from "~/app/names";
import { Preparing } from "~/app/Preparing";
import { reasonText } from "~/app/reasons";
import { ProductPicture } from "~/art/ProductPicture";
import { useLocale } from "~/i18n";
import { formatMoney } from "~/lib/format";
import { CopyButton } from "~/ui/Copy";
import { Icon } from "~/ui/Icon";
import { SidePanel } from "~/ui/SidePanel";
import { Skeleton } from "~/ui/States";

import { PartsTable } from "./Parts";
import css from "./rec.module.css";

interface ItemPanelProps {
  item: RecommendedItem;
  onClose: () => void;
}

/** One item: every reason, the arithmetic of its score, and its neighbours. */
export function ItemPanel({ item, onClose }: ItemPanelProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const similar = useQuery(similarQuery(item.productId));
  return (
    <SidePanel
      title={nameOf(item, locale)}
      onClose={onClose}
      foot={
        <>
          <CopyButton label={t("common.copyJson")} text={() => JSON.stringify(item, null, 2)} />
          <CopyButton label={t("common.copyCurl")} text={() => curlOf(`/products/${encodeURIComponent(item.productId)}`)} />
        </>
      }
    >
      <div className={css.side}>
        <div>
          <ProductPicture product={item} className={css.big} />
          <p className="num"><strong>{formatMoney(item.price, item.currency, locale)}</strong> · {item.category}{item.brand && ` · ${item.brand}`} · {item.stock === 0 ? t("stock.out") : t("stock.low", { count: item.stock })}</p>
          <p className="mono muted">{item.productId}</p>
        </div>
        <section>
          <h3>{t("rec.reasons")}</h3>
          <ul className={css.reasons}>{item.reasons.map((reason, at) => <li key={at}><Icon name="spark" size={14} />{reasonText(reason, t)}</li>)}</ul>
        </section>
        {item.explain && (
          <section>
            <h3>{t("rec.parts")}</h3>
            <PartsTable explain={item.explain} />
          </section>
        )}
        <section>
          <h3>{t("rec.similarTo")}</h3>
          <Preparing />
          {similar.isPending && <Skeleton height={160} />}
          <ul className={css.similar} aria-busy={similar.isPending}>
            {similar.data?.items.slice(0, 5).map((other) => (
              <li key={other.productId} className={css.product}>
                <ProductPicture product={other} className={css.thumb} />
                <span>
                  <span className="clip">{nameOf(other, locale)}</span>
                  <span className="muted num">{formatMoney(other.price, other.currency, locale)}</span>
                </span>
              </li>
            ))}
          </ul>
        </section>
      </div>
    </SidePanel>
  );
}
