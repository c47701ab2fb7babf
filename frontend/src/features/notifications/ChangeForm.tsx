import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";

import { api, ApiError, unwrap } from "~/api/client";
import { productQuery } from "~/api/queries";
import type { Product } from "~/api/types";
import { useInbox } from "~/app/inbox";
import { nameOf } from "~/app/names";
import { toastError } from "~/app/problems";
import { ProductPicture } from "~/art/ProductPicture";
import { useLocale } from "~/i18n";
import { formatMoney, formatMs, lessPercent } from "~/lib/format";
import { newTraceId } from "~/lib/id";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { Icon } from "~/ui/Icon";

import css from "./notif.module.css";

interface ChangeFormProps {
  product: Product;
  userId: string;
  inCart: boolean;
}

const CUTS = [10, 20, 30] as const;
/** After this long without a notification we say that none will come. */
const WAIT_MS = 4000;

/** A new price or stock for one product, and how long the news took to arrive. */
export function ChangeForm({ product, userId, inCart }: ChangeFormProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const client = useQueryClient();
  const [price, setPrice] = useState<string | null>(null);
  const [stock, setStock] = useState<string | null>(null);
  const [before, setBefore] = useState<Product | null>(null);
  const [sentAt, setSentAt] = useState<number | null>(null);

  const change = useMutation({
    mutationFn: (patch: { price?: string; stock?: number }) => unwrap(api.PATCH("/products/{id}", { params: { path: { id: product.productId } }, body: patch })),
    onMutate: () => {
      setBefore((known) => known ?? product);
      setSentAt(Date.now());
    },
    onSuccess: (changed) => {
      client.setQueryData(productQuery(product.productId).queryKey, changed);
      setPrice(null);
      setStock(null);
      void client.invalidateQueries({ queryKey: ["products"] });
    },
    onError: (error) => {
      setSentAt(null);
      if (!(error instanceof ApiError) || error.fields.length === 0) toastError(error, t);
    },
  });
  const carry = useMutation({
    mutationFn: () => unwrap(api.POST("/events", { body: { traceId: newTraceId(), userId, actionType: "ADD_TO_CART", productId: product.productId, timestamp: new Date().toISOString() } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["history", userId] }),
    onError: (error) => toastError(error, t),
  });

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const patch = { ...(price !== null && price !== product.price ? { price } : {}), ...(stock !== null && Number(stock) !== product.stock ? { stock: Number(stock) } : {}) };
    if (Object.keys(patch).length > 0) change.mutate(patch);
  };
  const fieldError = (field: string) => (change.error instanceof ApiError ? change.error.fields.find((one) => one.field === field)?.message : undefined);
  const isCarted = inCart || carry.isSuccess;
  const undo = before && before.price !== product.price ? before.price : undefined;

  return (
    <form className={css.form} onSubmit={submit}>
      <div className={css.product}>
        <ProductPicture product={product} className={css.productArt} />
        <div>
          <p className="clip"><strong>{nameOf(product, locale)}</strong></p>
          <p className="num">{formatMoney(product.price, product.currency, locale)} · {product.stock === 0 ? t("stock.out") : t("stock.low", { count: product.stock })}</p>
          {isCarted && <p className="muted">{t("notif.carted")}</p>}
        </div>
      </div>
      <div className={css.pair}>
        <TextField label={`${t("notif.newPrice")} (${product.currency})`} inputMode="decimal" value={price ?? product.price} error={fieldError("price")} onChange={(event) => setPrice(event.target.value)} />
        <TextField label={t("notif.newStock")} type="number" min={0} value={stock ?? String(product.stock)} error={fieldError("stock")} onChange={(event) => setStock(event.target.value)} />
      </div>
      <div className={css.quick}>
        {CUTS.map((percent) => <Button key={percent} small onClick={() => setPrice(lessPercent(product.price, percent))}>−{percent} %</Button>)}
        <Button small onClick={() => setStock("0")}>{t("stock.out")}</Button>
        <Button small onClick={() => setStock("2")}>{t("stock.low", { count: 2 })}</Button>
      </div>
      <div className={css.acts}>
        <Button type="submit" tone="primary" disabled={change.isPending || (price === null && stock === null)}>{t("notif.apply")}</Button>
        {!isCarted && <Button icon="cart" disabled={carry.isPending} onClick={() => carry.mutate()}>{t("notif.cartFirst")}</Button>}
        {undo && <Button tone="quiet" disabled={change.isPending} onClick={() => change.mutate({ price: undo })}>{t("notif.toRestore", { price: formatMoney(undo, product.currency, locale) })}</Button>}
      </div>
      <Outcome productId={product.productId} sentAt={sentAt} />
    </form>
  );
}

/** Whether the shopper's own notification came, and how fast. */
function Outcome({ productId, sentAt }: { productId: string; sentAt: number | null }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const { arrivals } = useInbox();
  const [gaveUpOn, setGaveUpOn] = useState<number | null>(null);
  useEffect(() => {
    if (sentAt === null) return;
    const timer = setTimeout(() => setGaveUpOn(sentAt), WAIT_MS);
    return () => clearTimeout(timer);
  }, [sentAt]);
  if (sentAt === null) return null;
  const arrival = arrivals.find((one) => one.notification.productId === productId && one.at >= sentAt);
  if (arrival) return <p className={css.result} data-tone="good" role="status"><Icon name="check" />{t("notif.arrivedIn", { ms: formatMs(arrival.at - sentAt, locale) })}</p>;
  return <p className={css.result} role="status"><Icon name={gaveUpOn === sentAt ? "info" : "clock"} />{gaveUpOn === sentAt ? t("notif.noArrival") : t("notif.applied")}</p>;
}
