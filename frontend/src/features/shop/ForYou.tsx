import { useRef } from "react";
import { useTranslation } from "react-i18next";

import type { RecommendedItem } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { nameOf } from "~/app/names";
import { Preparing } from "~/app/Preparing";
import { isAct, reasonText, shortReason } from "~/app/reasons";
import { ProductPicture } from "~/art/ProductPicture";
import { useLocale } from "~/i18n";
import { cx } from "~/lib/cx";
import { formatAgo, formatMoney } from "~/lib/format";
import { useLate } from "~/lib/useLate";
import { useNow } from "~/lib/useNow";
import { Icon } from "~/ui/Icon";
import { Badge, Skeleton, StateNote } from "~/ui/States";
import { useFlip } from "~/ui/useFlip";

import { ActionsWait } from "./ActionsWait";
import css from "./forYou.module.css";
import type { ListChange } from "./journey";
import type { LoopState } from "./loop";
import { FOR_YOU_ITEMS } from "./useLoop";

interface ForYouProps {
  userId: string;
  state: LoopState;
  onOpen: (item: RecommendedItem) => void;
  onRetry: () => void;
}

/** The list that follows the shopper: what is in it, what changed, and why. */
export function ForYou({ userId, state, onOpen, onRetry }: ForYouProps) {
  const { t } = useTranslation();
  const list = useRef<HTMLOListElement>(null);
  const items = state.answer?.items ?? [];
  useFlip(list, items.map((item) => item.productId).join());

  return (
    <section className={css.panel} aria-labelledby="for-you">
      <div className={css.head}>
        <h2 id="for-you">{t("forYou.title")}</h2>
        {state.answer && items.length > 0 && <Strategy name={state.answer.strategy} />}
        {state.receivedAt > 0 && <Fresh at={state.receivedAt} />}
      </div>
      <div className={css.why}>
        <div className={css.whyText} aria-live="polite"><Why state={state} /></div>
        <ActionsWait userId={userId} known={(state.answer?.preference?.actionCount ?? 0) > 0} onMoved={onRetry} />
      </div>
      <div className={css.preparing}><Preparing /></div>
      {state.error !== null && !state.answer ? (
        <ErrorNote error={state.error} onRetry={onRetry} />
      ) : state.answer && items.length === 0 ? (
        <StateNote icon="spark" title={t("forYou.empty")} text={t("forYou.emptyHint")} />
      ) : (
        <ol ref={list} className={css.list} aria-label={t("forYou.title")} aria-busy={!state.answer} tabIndex={-1}>
          {state.answer ? items.map((item, at) => <Row key={item.productId} item={item} rank={at + 1} change={state.change} onOpen={onOpen} />) : Array.from({ length: FOR_YOU_ITEMS }, (_, at) => <Ghost key={at} />)}
        </ol>
      )}
    </section>
  );
}

function Strategy({ name }: { name: string }) {
  const { t } = useTranslation();
  const known = ["personalized", "popular", "hybrid", "lexical", "semantic"] as const;
  const match = known.find((strategy) => strategy === name);
  return <Badge tone={name === "personalized" ? "accent" : "plain"}>{match ? t(`strategy.${match}`) : name}</Badge>;
}

function Fresh({ at }: { at: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  return <span className={cx(css.fresh, "num")}>{t("forYou.updated", { ago: now - at < 1500 ? t("common.now") : formatAgo(at, now, locale) })}</span>;
}

function Why({ state }: { state: LoopState }) {
  const { t } = useTranslation();
  const { cause, change, answer } = state;
  const loading = !answer && state.error === null;
  const late = useLate(loading);
  if (!answer) return loading ? late ? <p>{t("forYou.loading")}</p> : <Skeleton width="70%" /> : null;
  if (answer.items.length === 0) return null;
  if (!cause || !change) {
    if (answer.strategy === "personalized") return <p>{answer.items[0]?.reasons[0] ? reasonText(answer.items[0].reasons[0], t) : ""}</p>;
    return (
      <>
        <p><strong>{t("forYou.waiting")}.</strong> {t("forYou.waitingHint")}</p>
      </>
    );
  }
  const rose = [...change.moved.values()].filter((places) => places > 0).length;
  const parts = [change.entered.length > 0 ? t("forYou.entered", { count: change.entered.length }) : "", rose > 0 ? t("forYou.rose", { count: rose }) : ""].filter(Boolean);
  const because = cause.actionType === "SEARCH" ? t("forYou.becauseSearch", { query: cause.productName }) : isAct(cause.actionType) ? t("forYou.because", { act: t(`act.${cause.actionType}`), product: cause.productName }) : "";
  return <p><strong>{parts.length > 0 ? parts.join(", ") : t("forYou.same")}</strong> {because}</p>;
}

interface RowProps {
  item: RecommendedItem;
  rank: number;
  change: ListChange | null;
  onOpen: (item: RecommendedItem) => void;
}

function Row({ item, rank, change, onOpen }: RowProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const name = nameOf(item, locale);
  const reason = item.reasons[0];
  return (
    <li className={css.row} data-flip={item.productId} data-category={item.category}>
      <button type="button" className={css.item} onClick={() => onOpen(item)}>
        <span className={cx(css.rank, "num")}><span className="sr-only">{t("forYou.rank", { rank })}</span><span aria-hidden="true">{rank}</span></span>
        <ProductPicture product={item} className={css.art} />
        <span>
          <span className={css.name} title={name}>{name}</span>
          <span className={cx(css.reason, "clip")} title={reason ? reasonText(reason, t) : undefined}>{item.category}{reason ? ` · ${shortReason(reason, t)}` : ""}</span>
        </span>
        <span className={cx(css.end, "num")}>
          <span className={css.price}>{formatMoney(item.price, item.currency, locale)}</span>
          <Delta id={item.productId} change={change} />
        </span>
      </button>
    </li>
  );
}

function Delta({ id, change }: { id: string; change: ListChange | null }) {
  const { t } = useTranslation();
  if (change?.entered.includes(id)) return <span className={css.delta} data-way="new">{t("forYou.rowNew")}</span>;
  const places = change?.moved.get(id) ?? 0;
  if (places === 0) return <span className={css.delta} />;
  const up = places > 0;
  const count = Math.abs(places);
  return (
    <span className={css.delta} data-way={up ? "up" : "down"}>
      <Icon name={up ? "up" : "down"} size={12} />
      <span className="sr-only">{up ? t("forYou.up", { count }) : t("forYou.down", { count })}</span>
      <span aria-hidden="true">{count}</span>
    </span>
  );
}

function Ghost() {
  return (
    <li className={css.row} aria-hidden="true">
      <div className={css.item}>
        <span />
        <Skeleton className={css.art} height={44} />
        <span><Skeleton width="80%" /><Skeleton width="55%" height={10} /></span>
        <Skeleton width={44} />
      </div>
    </li>
  );
}
