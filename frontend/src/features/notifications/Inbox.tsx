import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { api, unwrap } from "~/api/client";
import { notificationsQuery, productQuery } from "~/api/queries";
import type { Notification } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { useInbox } from "~/app/inbox";
import { nameOf } from "~/app/names";
import { toastError } from "~/app/problems";
import { WhoPicker } from "~/app/WhoPicker";
import { ProductPicture } from "~/art/ProductPicture";
import { useLocale } from "~/i18n";
import { formatAgo, formatMoney } from "~/lib/format";
import { useNow } from "~/lib/useNow";
import { Button, IconButton } from "~/ui/Button";
import type { IconName } from "~/ui/Icon";
import { Badge, Skeleton, StateNote, type Tone } from "~/ui/States";

import css from "./notif.module.css";

export function Inbox({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const inbox = useInbox();
  const list = useQuery(notificationsQuery(userId));
  const read = useMutation({
    mutationFn: async (ids: readonly string[]): Promise<void> => {
      for (const id of ids) await unwrap(api.POST("/notifications/{id}/read", { params: { path: { id }, query: { userId } } }));
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["notifications", userId] }),
    onError: (error) => toastError(error, t),
  });
  const fresh = new Set(inbox.arrivals.map((arrival) => arrival.notification.notificationId));
  const items = list.data?.items ?? [];
  const unread = items.filter((item) => !item.readAt).map((item) => item.notificationId);

  return (
    <section aria-labelledby="inbox">
      <div className={css.head}>
        <h2 id="inbox">{t("notif.inbox")}</h2>
        {inbox.state === "open" && <Badge tone="good" icon="pulse">{t("notif.live")}</Badge>}
        {list.data && list.data.unread > 0 && <span className="muted num">{t("notif.unread", { count: list.data.unread })}</span>}
        <div className={css.headEnd}>
          {unread.length > 1 && <Button disabled={read.isPending} onClick={() => read.mutate(unread)}>{t("notif.markAll")}</Button>}
          <WhoPicker userId={userId} />
        </div>
      </div>
      {inbox.missed && <p className="muted">{t("notif.gap")}</p>}
      {list.isPending ? (
        <Skeleton height={240} radius={8} />
      ) : list.error && !list.data ? (
        <ErrorNote error={list.error} onRetry={() => void list.refetch()} />
      ) : items.length === 0 ? (
        <div className={css.list}><StateNote icon="bell" title={t("notif.empty")} text={t("notif.emptyHint")} /></div>
      ) : (
        <ol className={css.list} aria-label={t("notif.inbox")} aria-live="polite" aria-relevant="additions">
          {items.map((item) => <Item key={item.notificationId} item={item} fresh={fresh.has(item.notificationId)} onRead={() => read.mutate([item.notificationId])} />)}
        </ol>
      )}
    </section>
  );
}

const KINDS: Record<Notification["kind"], { tone: Tone; icon: IconName }> = {
  PRICE_DROP: { tone: "good", icon: "tag" },
  BACK_IN_STOCK: { tone: "accent", icon: "box" },
  LOW_STOCK: { tone: "warn", icon: "clock" },
  SUMMARY: { tone: "plain", icon: "bell" },
  UNKNOWN: { tone: "plain", icon: "bell" },
};

function Item({ item, fresh, onRead }: { item: Notification; fresh: boolean; onRead: () => void }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  const product = useQuery({ ...productQuery(item.productId), retry: false });
  const kind = KINDS[item.kind];
  const isSummary = item.kind === "SUMMARY";
  const name = product.data ? nameOf(product.data, locale) : item.productName;
  const title = isSummary ? t(item.priceBefore ? "notif.more.cheaper" : "notif.more.news", { count: item.merged ?? 1 }) : name;
  const money = (amount: string) => formatMoney(amount, item.currency, locale);
  return (
    <li className={css.item} data-unread={!item.readAt} data-fresh={fresh}>
      <span className={css.new} />
      <ProductPicture product={product.data ?? { productId: item.productId, name: item.productName, category: "" }} className={css.art} />
      <div>
        <span className={`${css.title ?? ""} clip`}>{title}</span>
        <span className={css.what}>
          <Badge tone={kind.tone} icon={kind.icon}>{t(`notif.kind.${item.kind}`)}</Badge>
          {item.kind === "PRICE_DROP" ? <span className="num">{item.priceBefore && <s>{money(item.priceBefore)}</s>} <strong>{money(item.priceAfter)}</strong></span> : <span>{isSummary ? name : item.body}</span>}
          <span className="muted">{t(`notif.${isSummary ? "moreOf" : "reason"}.${item.reason}`)}</span>
        </span>
      </div>
      <span className={css.end}>
        <span className="num">{formatAgo(Date.parse(item.createdAt), now, locale)}</span>
        {item.readAt ? null : <IconButton icon="check" label={`${t("notif.markRead")}: ${isSummary ? title : item.productName}`} onClick={onRead} />}
      </span>
    </li>
  );
}
