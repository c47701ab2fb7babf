import { type ColumnDef, getCoreRowModel, getSortedRowModel, type Row, type SortingState, useReactTable, type VisibilityState } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";

import { cx } from "~/lib/cx";

import { IconButton } from "./Button";
import { CopyButton } from "./Copy";
import css from "./table.module.css";
import { Icon } from "./Icon";
import { Popover } from "./Popover";

export interface Column<T> {
  id: string;
  name: string;
  /** A track of a CSS grid. */
  width: string;
  /** Numbers stand at the end. */
  end?: boolean;
  /** What to sort by; a column without it is not sorted. */
  sort?: (row: T) => number | string;
  cell: (row: T) => ReactNode;
}

interface DataTableProps<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  rowHeight?: number;
  /** The row whose details are open. */
  selected?: string | undefined;
  onOpen?: ((row: T) => void) | undefined;
  /** The command that fetches the same rows. */
  curl?: (() => string) | undefined;
  title?: ReactNode;
  initialSort?: SortingState;
  /** Greatest height of the rows before they scroll. */
  maxHeight?: number;
  minWidth?: number;
}

const OVERSCAN = 8;

/** Many rows, of which only those in sight are in the page. Sortable; columns can be put away; a row opens. */
export function DataTable<T>({ label, columns, rows, rowKey, rowHeight = 36, selected, onOpen, curl, title, initialSort = [], maxHeight = 560, minWidth = 0 }: DataTableProps<T>) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [sorting, setSorting] = useState<SortingState>(initialSort);
  const [columnVisibility, setColumnVisibility] = useState<VisibilityState>({});
  const [active, setActive] = useState(0);
  const definitions = useMemo(() => columns.map(({ id, sort }): ColumnDef<T, number | string> => ({ id, accessorFn: sort ?? (() => 0), enableSorting: sort !== undefined })), [columns]);
  const byId = useMemo(() => new Map(columns.map((column) => [column.id, column])), [columns]);
  // eslint-disable-next-line react-hooks/incompatible-library -- the compiler leaves this component alone, as it should
  const table = useReactTable<T>({
    data: rows as T[],
    columns: definitions,
    state: { sorting, columnVisibility },
    onSortingChange: setSorting,
    onColumnVisibilityChange: setColumnVisibility,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    getRowId: (row) => rowKey(row),
    enableSortingRemoval: false,
  });
  const sorted = table.getRowModel().rows;
  const virtual = useVirtualizer({ count: sorted.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: OVERSCAN, initialRect: { width: 800, height: maxHeight } });
  const tracks = table.getVisibleLeafColumns().map((column) => byId.get(column.id)?.width ?? "1fr").join(" ");

  const onKey = (event: KeyboardEvent, row: Row<T>, at: number) => {
    const next = event.key === "ArrowDown" ? at + 1 : event.key === "ArrowUp" ? at - 1 : event.key === "Home" ? 0 : event.key === "End" ? sorted.length - 1 : undefined;
    if (event.key === "Enter" || event.key === " ") onOpen?.(row.original);
    else if (next === undefined || next < 0 || next >= sorted.length) return;
    else {
      setActive(next);
      virtual.scrollToIndex(next);
      requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus());
    }
    event.preventDefault();
  };

  return (
    <div className={css.root}>
      <div className={css.tools}>
        <div className={css.title}>{title}</div>
        <span className="muted num">{t("common.rows", { count: rows.length })}</span>
        <CopyButton label="JSON" text={() => JSON.stringify(sorted.map((row) => row.original), null, 2)} />
        {curl && <CopyButton label="curl" text={curl} />}
        <Popover label={t("common.columns")} trigger={(props) => <IconButton icon="columns" label={t("common.columns")} {...props} />}>
          {() => table.getAllLeafColumns().map((column) => (
            <label key={column.id} className={css.pick}>
              <input type="checkbox" checked={column.getIsVisible()} onChange={column.getToggleVisibilityHandler()} />
              {byId.get(column.id)?.name}
            </label>
          ))}
        </Popover>
      </div>
      <div ref={scroller} className={css.scroller} style={{ maxHeight }}>
        <div role="grid" aria-label={label} aria-rowcount={sorted.length + 1} style={{ minWidth }}>
          <div role="rowgroup" className={css.head}>
            {table.getHeaderGroups().map((group) => (
              <div key={group.id} role="row" aria-rowindex={1} className={css.row} style={{ gridTemplateColumns: tracks }}>
                {group.headers.map((header) => {
                  const direction = header.column.getIsSorted();
                  const meta = byId.get(header.column.id);
                  return (
                    <div key={header.id} role="columnheader" className={cx(css.cell, meta?.end && css.end)} aria-sort={direction === "asc" ? "ascending" : direction === "desc" ? "descending" : header.column.getCanSort() ? "none" : undefined}>
                      {header.column.getCanSort() ? (
                        <button type="button" className={css.sort} onClick={header.column.getToggleSortingHandler()} aria-label={t("common.sortBy", { name: meta?.name ?? header.id })}>
                          {meta?.name}
                          {direction && <Icon name={direction === "asc" ? "up" : "down"} size={12} />}
                        </button>
                      ) : (
                        meta?.name
                      )}
                    </div>
                  );
                })}
              </div>
            ))}
          </div>
          <div role="rowgroup" className={css.body} style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const row = sorted[item.index];
              if (!row) return null;
              return (
                <div
                  key={row.id}
                  role="row"
                  aria-rowindex={item.index + 2}
                  aria-selected={row.id === selected}
                  data-at={item.index}
                  data-open={onOpen !== undefined}
                  tabIndex={item.index === Math.min(active, sorted.length - 1) ? 0 : -1}
                  className={cx(css.row, css.data)}
                  style={{ gridTemplateColumns: tracks, height: item.size, transform: `translateY(${item.start}px)` }}
                  onClick={() => onOpen?.(row.original)}
                  onFocus={() => setActive(item.index)}
                  onKeyDown={(event) => onKey(event, row, item.index)}
                >
                  {row.getVisibleCells().map((cell) => (
                    <div key={cell.id} role="gridcell" className={cx(css.cell, byId.get(cell.column.id)?.end && css.end)}>
                      {byId.get(cell.column.id)?.cell(row.original)}
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}
