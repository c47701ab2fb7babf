import { useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { categoriesQuery, historyQuery, productQuery, searchQuery } from "~/api/queries";
import { ErrorNote } from "~/app/ErrorNote";
import { nameOf } from "~/app/names";
import { marksOf } from "~/features/shop/marks";
import { useLocale } from "~/i18n";
import { SelectField, TextField } from "~/ui/Field";
import { Skeleton, StateNote } from "~/ui/States";

import { ChangeForm } from "./ChangeForm";
import css from "./notif.module.css";

interface ChangeProductProps {
  userId: string;
  productId: string | undefined;
  onPick: (productId: string) => void;
}

const MINE_MAX = 12;
const FOUND_MAX = 12;

/** Picks a product, the shopper's own first, and changes its price or stock. */
export function ChangeProduct({ userId, productId, onPick }: ChangeProductProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const client = useQueryClient();
  const [q, setQ] = useState("");
  const history = useQuery(historyQuery(userId));
  const categories = useQuery(categoriesQuery);
  const marks = marksOf((history.data?.items ?? []).toReversed());
  const mineIds = [...new Set([...marks.cart, ...marks.liked, ...marks.looked])].slice(0, MINE_MAX);
  const mine = useQueries({ queries: mineIds.map((id) => ({ ...productQuery(id), retry: false })) }).flatMap((one) => one.data ?? []);
  // Without a search, anything will do: then a name from the first category is looked up.
  const found = useQuery(searchQuery({ q: q.trim() || (categories.data?.items[0]?.category ?? ""), limit: FOUND_MAX }));
  const others = (found.data?.items ?? []).filter((item) => !mineIds.includes(item.productId));
  const chosenId = productId ?? mine[0]?.productId ?? (history.isPending ? undefined : others[0]?.productId);
  const chosen = useQuery({ ...productQuery(chosenId ?? ""), enabled: chosenId !== undefined });
  const failure = chosen.error ?? found.error ?? categories.error;
  const listed = [...mine, ...others].some((item) => item.productId === chosenId);

  return (
    <section className={css.panel} aria-labelledby="change">
      <div>
        <h2 id="change">{t("notif.change")}</h2>
        <p className="muted">{t("notif.changeHint")}</p>
      </div>
      <TextField type="search" icon="search" label={t("notif.search")} hideLabel placeholder={t("notif.search")} value={q} data-search onChange={(event) => setQ(event.target.value)} />
      <SelectField label={t("notif.pick")} value={chosenId ?? ""} onChange={(event) => onPick(event.target.value)}>
        {!listed && chosen.data && <option value={chosen.data.productId}>{nameOf(chosen.data, locale)}</option>}
        {mine.length > 0 && <optgroup label={t("notif.mine")}>{mine.map((item) => <option key={item.productId} value={item.productId}>{nameOf(item, locale)}</option>)}</optgroup>}
        <optgroup label={t("nav.shop")}>{others.map((item) => <option key={item.productId} value={item.productId}>{nameOf(item, locale)}</option>)}</optgroup>
      </SelectField>
      {chosen.data ? (
        <ChangeForm key={chosen.data.productId} product={chosen.data} userId={userId} inCart={marks.cart.has(chosen.data.productId)} />
      ) : failure ? (
        <ErrorNote error={failure} onRetry={() => void client.invalidateQueries()} />
      ) : categories.data?.items.length === 0 && !q ? (
        <StateNote icon="box" title={t("shop.noProducts")} text={t("shop.noProductsHint")} />
      ) : found.data && chosenId === undefined ? (
        <StateNote icon="search" title={t("shop.emptyGrid")} text={t("shop.emptyGridHint")} />
      ) : (
        <Skeleton height={180} />
      )}
    </section>
  );
}
