import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { curlOf } from "~/api/client";
import { type Filters, preferenceQuery } from "~/api/queries";
import type { Recommendations, RecommendedItem } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { useLocale } from "~/i18n";
import { formatAgo, formatMs, formatNumber } from "~/lib/format";
import { useNow } from "~/lib/useNow";
import { CopyButton } from "~/ui/Copy";
import { DataTable } from "~/ui/DataTable";
import { Badge, Skeleton, StateNote } from "~/ui/States";

import { useColumns } from "./columns";
import { PARTS, PartsLegend } from "./Parts";
import css from "./rec.module.css";

type Answer = Pick<Recommendations, "items" | "strategy" | "tookMs"> & Partial<Pick<Recommendations, "traceId" | "preference">>;

interface RecListProps {
  of: { userId: string } | { query: string };
  result: UseQueryResult<Answer>;
  filters: Filters & { limit: number };
  selected: string | undefined;
  onOpen: (productId: string) => void;
  shared?: ReadonlySet<string>;
  /** Beside another list. */
  compact: boolean;
}

const NO_ITEMS: readonly RecommendedItem[] = [];
const NONE_SHARED: ReadonlySet<string> = new Set();

export function RecList({ of, result, filters, selected, onOpen, shared = NONE_SHARED, compact }: RecListProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  const items = result.data?.items ?? NO_ITEMS;
  const columns = useColumns(items, shared, compact);
  const narrowed = Object.entries(filters).some(([key, value]) => key !== "limit" && value !== undefined);
  const name = "userId" in of ? of.userId : `“${of.query}”`;

  if (result.error) return <ErrorNote error={result.error} onRetry={() => void result.refetch()} />;
  const { data } = result;
  const title = (
    <div className={css.head}>
      <h2>{name}</h2>
      {data ? (
        <>
          <Badge tone={data.strategy === "personalized" ? "accent" : "plain"}>{strategyName(data.strategy, t)}</Badge>
          <span className="muted num">
            {t("rec.took", { ms: formatMs(data.tookMs, locale) })} · {now - result.dataUpdatedAt < 1500 ? t("common.now") : formatAgo(result.dataUpdatedAt, now, locale)}
            {data.preference && ` · ${t("shop.actions", { count: data.preference.actionCount })}`}
          </span>
          {!compact && data.traceId && <CopyButton label={`${t("common.traceId")} ${data.traceId.slice(0, 6)}…`} text={() => data.traceId ?? ""} />}
        </>
      ) : (
        <Skeleton width={200} />
      )}
    </div>
  );
  return (
    <section aria-label={`${t("rec.list")}: ${name}`}>
      {!data ? (
        <>
          {title}
          <Skeleton height={480} radius={8} />
        </>
      ) : items.length === 0 ? (
        <>
          {title}
          {"query" in of || narrowed ? <StateNote icon="search" title={t("rec.empty")} text={t("rec.emptyHint")} /> : <StateNote icon="spark" title={t("forYou.empty")} text={t("forYou.emptyHint")} />}
        </>
      ) : (
        <>
          <DataTable label={`${t("rec.list")}: ${name}`} title={title} columns={columns} rows={items} rowKey={(item) => item.productId} rowHeight={60} maxHeight={612} minWidth={compact ? 420 : 820} selected={selected} onOpen={(item) => onOpen(item.productId)} curl={() => curlOf(pathOf(of, filters))} />
          <Below of={of} items={items} known={data.preference !== undefined} />
        </>
      )}
    </section>
  );
}

function Below({ of, items, known }: { of: RecListProps["of"]; items: readonly RecommendedItem[]; known: boolean }) {
  const shown = PARTS.filter((part) => items.some((item) => (item.explain?.[part] ?? 0) > 0.0005));
  return (
    <div className={css.taste}>
      <PartsLegend shown={shown} />
      {known && "userId" in of && <Taste userId={of.userId} />}
    </div>
  );
}

/** Which categories a shopper's vector leans to. */
function Taste({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const { data } = useQuery(preferenceQuery(userId));
  const top = data?.topCategories.slice(0, 4) ?? [];
  const most = top[0]?.weight ?? 1;
  return (
    <>
      {top.length > 0 && <span className="muted">{t("rec.taste")}</span>}
      {top.map((one) => (
        <span key={one.category} className={css.tasteItem}>
          {one.category}
          <span className={css.tasteBar}><i style={{ width: `${(one.weight / most) * 100}%` }} /></span>
          <span className="muted num">{formatNumber(one.weight, locale, 2)}</span>
        </span>
      ))}
    </>
  );
}

function strategyName(name: string, t: ReturnType<typeof useTranslation>["t"]): string {
  const known = (["personalized", "popular", "hybrid", "lexical", "semantic"] as const).find((one) => one === name);
  return known ? t(`strategy.${known}`) : name;
}

/** The same question, for a terminal. */
function pathOf(of: RecListProps["of"], filters: RecListProps["filters"]): string {
  const query = new URLSearchParams("userId" in of ? { userId: of.userId } : { q: of.query });
  for (const [key, value] of Object.entries(filters)) if (value !== undefined) query.set(key, String(value));
  query.set("explain", "true");
  return `/${"userId" in of ? "recommendations" : "search"}?${query.toString()}`;
}
