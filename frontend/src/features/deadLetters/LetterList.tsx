import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { curlOf } from "~/api/client";
import { deadLettersQuery, type LetterFilters } from "~/api/queries";
import type { DeadLetterItem } from "~/api/types";
import { ErrorNote } from "~/app/ErrorNote";
import { useLocale } from "~/i18n";
import { formatAgo, formatNumber, formatTime } from "~/lib/format";
import { useNow } from "~/lib/useNow";
import { Button } from "~/ui/Button";
import { type Column, DataTable } from "~/ui/DataTable";
import { Icon } from "~/ui/Icon";
import { Badge, Skeleton, StateNote } from "~/ui/States";
import { Words } from "~/ui/Words";

import css from "./dlq.module.css";
import type { Replays } from "./letters";

interface LetterListProps {
  filters: LetterFilters;
  selected: string | undefined;
  replays: Replays;
  onOpen: (id: string) => void;
  /** Takes the filters away. */
  onClear: () => void;
}

/** The letters, newest first, page by page. */
export function LetterList({ filters, selected, replays, onOpen, onClear }: LetterListProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  const list = useInfiniteQuery(deadLettersQuery(filters));
  const { data } = list;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const columns = useColumns(replays, now);
  const total = data?.pages[0]?.total;
  const filtered = filters.topic !== undefined || filters.reason !== undefined;
  const ago = now - list.dataUpdatedAt < 1500 ? t("common.now") : formatAgo(list.dataUpdatedAt, now, locale);
  const failed = list.error !== null && data !== undefined;

  if (!data) return list.error ? <ErrorNote error={list.error} onRetry={() => void list.refetch()} /> : <div className={css.list}><Skeleton width={260} className={css.ghostTitle} /><Skeleton height={420} radius={8} /></div>;
  const title = (
    <div className={css.head}>
      <h2>{t("dlq.newest")}</h2>
      <span className="muted num">{t("dlq.kept", { count: total ?? 0, n: formatNumber(total ?? 0, locale) })} · {t("live.updated", { ago })}</span>
      <Button small tone="quiet" disabled={list.isFetching} onClick={() => void list.refetch()}>{t("dlq.refresh")}</Button>
    </div>
  );
  return (
    <section className={css.list} aria-label={t("dlq.title")} data-stale={failed}>
      {failed && <p className={css.stale} role="status"><Icon name="warn" /><span>{t("dlq.stale")}</span><Button small onClick={() => void list.refetch()}>{t("common.retry")}</Button></p>}
      {rows.length > 0 ? (
        <DataTable label={t("dlq.title")} title={title} columns={columns} rows={rows} rowKey={(row) => row.id} rowHeight={56} maxHeight={640} minWidth={600} selected={selected} onOpen={(row) => onOpen(row.id)} curl={() => curlOf(pathOf(filters))} />
      ) : (
        <>
          {title}
          {!filtered ? (
            <StateNote icon="check" tone="good" title={t("live.deadLettersNone")} text={t("live.deadLettersNoneHint")} />
          ) : (
            <StateNote icon="search" title={list.hasNextPage ? t("dlq.noneSoFar") : t("dlq.noneMatch")} text={t("dlq.noneMatchHint", { count: total ?? 0, n: formatNumber(total ?? 0, locale) })}>
              <Button onClick={onClear}>{t("dlq.clear")}</Button>
            </StateNote>
          )}
        </>
      )}
      {list.hasNextPage && <Button className={css.more} disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{list.isFetchingNextPage ? t("common.loading") : t("common.more")}</Button>}
    </section>
  );
}

function useColumns(replays: Replays, now: number): Column<DeadLetterItem>[] {
  const { t } = useTranslation();
  const locale = useLocale();
  return useMemo(
    () => [
      {
        id: "what",
        name: t("dlq.what"),
        width: "minmax(200px, 3fr)",
        sort: (row) => row.reason,
        cell: (row) => (
          <div className={css.two} title={row.error}>
            <span className={css.what}><b className="mono">{row.reason}</b>{row.id in replays && <Badge tone="good" icon="check">{t("dlq.replayed")}</Badge>}</span>
            <span className="muted clip"><Words text={row.error} /></span>
          </div>
        ),
      },
      {
        id: "record",
        name: t("dlq.record"),
        width: "minmax(160px, 1.4fr)",
        sort: (row) => row.topic,
        cell: (row) => (
          <div className={css.two}>
            <span className="mono clip">{row.topic}</span>
            <span className="muted num">{t("dlq.place", { partition: row.partition, offset: formatNumber(row.offset, locale) })}</span>
          </div>
        ),
      },
      { id: "id", name: t("dlq.id"), width: "84px", cell: (row) => <span className="mono num">{row.id}</span> },
      { id: "when", name: t("dlq.when"), width: "116px", end: true, sort: (row) => row.failedAt, cell: (row) => <When at={Date.parse(row.failedAt)} now={now} /> },
    ],
    [t, locale, replays, now],
  );
}

function When({ at, now }: { at: number; now: number }) {
  const locale = useLocale();
  return (
    <div className={css.two} title={new Date(at).toLocaleString(locale)}>
      <span>{formatAgo(at, now, locale)}</span>
      <span className="muted">{formatTime(at, locale)}</span>
    </div>
  );
}

/** The same question, for a terminal. */
function pathOf({ topic, reason }: LetterFilters): string {
  const query = new URLSearchParams({ ...(topic ? { topic } : {}), ...(reason ? { reason } : {}) }).toString();
  return `/dead-letters${query && `?${query}`}`;
}
