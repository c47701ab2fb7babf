import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import type { LiveStatus } from "~/api/types";
import { useLocale } from "~/i18n";
import { formatAgo, formatNumber } from "~/lib/format";
import { useNow } from "~/lib/useNow";
import { type Column, DataTable } from "~/ui/DataTable";
import { StateNote } from "~/ui/States";

import css from "./live.module.css";

type Letter = LiveStatus["deadLetters"]["recent"][number];

export function DeadLetters({ letters }: { letters: LiveStatus["deadLetters"] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const now = useNow();
  const columns = useMemo(
    (): Column<Letter>[] => [
      { id: "reason", name: t("live.reason"), width: "minmax(160px, 1fr)", sort: (row) => row.reason, cell: (row) => <span title={row.error}><span className="mono">{row.reason}</span> <span className="muted">{row.error}</span></span> },
      { id: "where", name: t("live.offset"), width: "116px", end: true, sort: (row) => row.offset, cell: (row) => <span title={row.topic}>{row.partition} / {formatNumber(row.offset, locale)}</span> },
      { id: "at", name: t("live.when"), width: "92px", end: true, sort: (row) => row.at, cell: (row) => formatAgo(Date.parse(row.at), now, locale) },
    ],
    [t, locale, now],
  );
  const title = (
    <div className={css.lettersHead}>
      <h2>{t("live.deadLetters")} <span className="muted num">{t("live.total", { n: formatNumber(letters.total, locale) })}</span></h2>
      <Link to="/live/dead-letters">{t("dlq.all")}</Link>
    </div>
  );
  if (letters.recent.length === 0) {
    return (
      <section>
        <div className={css.tailHead}>{title}</div>
        <StateNote icon="check" tone="good" title={t("live.deadLettersNone")} text={t("live.deadLettersNoneHint")} />
      </section>
    );
  }
  return <DataTable label={t("live.deadLetters")} title={title} columns={columns} rows={letters.recent} rowKey={(row) => `${row.topic}:${row.partition}:${row.offset}`} maxHeight={240} />;
}
