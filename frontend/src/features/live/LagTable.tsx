import { useMemo } from "react";
import { useTranslation } from "react-i18next";

import { curlOf } from "~/api/client";
import type { LiveStatus, PartitionLag } from "~/api/types";
import { useLocale } from "~/i18n";
import { formatNumber } from "~/lib/format";
import { CopyButton } from "~/ui/Copy";
import { type Column, DataTable } from "~/ui/DataTable";
import { SidePanel } from "~/ui/SidePanel";
import { Sparkline } from "~/charts/Sparkline";

import css from "./live.module.css";

export const keyOf = (one: PartitionLag) => `${one.group}:${one.topic}:${one.partition}`;

interface LagTableProps {
  rows: readonly PartitionLag[];
  selected: string | undefined;
  onOpen: (key: string) => void;
}

export function LagTable({ rows, selected, onOpen }: LagTableProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const most = Math.max(1, ...rows.map((row) => row.lag));
  const mean = rows.reduce((sum, row) => sum + row.lag, 0) / Math.max(1, rows.length);
  const columns = useMemo(
    (): Column<PartitionLag>[] => [
      { id: "topic", name: t("live.topic"), width: "minmax(150px, 2fr)", sort: (row) => row.topic, cell: (row) => <span className="mono">{row.topic}</span> },
      { id: "partition", name: t("live.partition"), width: "88px", end: true, sort: (row) => row.partition, cell: (row) => row.partition },
      { id: "group", name: t("live.group"), width: "minmax(90px, 1fr)", sort: (row) => row.group, cell: (row) => row.group },
      { id: "end", name: t("live.end"), width: "96px", end: true, sort: (row) => row.endOffset, cell: (row) => formatNumber(row.endOffset, locale) },
      { id: "committed", name: t("live.committed"), width: "104px", end: true, sort: (row) => row.committed, cell: (row) => formatNumber(row.committed, locale) },
      {
        id: "lag",
        name: t("live.behind"),
        width: "minmax(120px, 1.2fr)",
        sort: (row) => row.lag,
        cell: (row) => (
          <div className={css.lag}>
            <span className={css.lagBar}><i data-high={row.lag > 4 * mean + 50} style={{ width: `${(row.lag / most) * 100}%` }} /></span>
            <span className="num">{formatNumber(row.lag, locale)}</span>
          </div>
        ),
      },
    ],
    [t, locale, most, mean],
  );
  return <DataTable label={t("live.partitions")} title={<h2>{t("live.partitions")}</h2>} columns={columns} rows={rows} rowKey={keyOf} rowHeight={32} maxHeight={760} minWidth={640} selected={selected} onOpen={(row) => onOpen(keyOf(row))} curl={() => curlOf("/status")} />;
}

/** One partition, and how its lag went. */
export function LagPanel({ row, recent, onClose }: { row: PartitionLag; recent: readonly LiveStatus[]; onClose: () => void }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const values = recent.map((message) => message.lag.find((one) => keyOf(one) === keyOf(row))?.lag ?? null);
  return (
    <SidePanel title={`${row.topic} / ${row.partition}`} onClose={onClose} foot={<CopyButton label={t("common.copyJson")} text={() => JSON.stringify(row, null, 2)} />}>
      <dl className={css.kv}>
        <dt>{t("live.group")}</dt><dd>{row.group}</dd>
        <dt>{t("live.end")}</dt><dd className="num">{formatNumber(row.endOffset, locale)}</dd>
        <dt>{t("live.committed")}</dt><dd className="num">{formatNumber(row.committed, locale)}</dd>
        <dt>{t("live.behind")}</dt><dd className="num">{formatNumber(row.lag, locale)} {t("live.lagUnit")}</dd>
      </dl>
      <p className="muted num">{t("common.last", { seconds: values.length })}</p>
      <Sparkline values={values} height={64} width={320} />
    </SidePanel>
  );
}
