// @vitest-environment jsdom
import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeAll, expect, test, vi } from "vitest";

import { startI18n } from "~/i18n";

import { type Column, DataTable } from "./DataTable";

interface Row {
  id: string;
  size: number;
}

const rows: Row[] = [{ id: "a", size: 2 }, { id: "b", size: 9 }, { id: "c", size: 5 }];
const columns: Column<Row>[] = [
  { id: "id", name: "Id", width: "1fr", cell: (row) => row.id },
  { id: "size", name: "Size", width: "1fr", end: true, sort: (row) => row.size, cell: (row) => row.size },
];

beforeAll(async () => {
  vi.stubGlobal("ResizeObserver", class { observe() { /* jsdom lays nothing out */ } unobserve() { /* nor here */ } disconnect() { /* nor here */ } });
  for (const size of ["clientHeight", "clientWidth"]) Object.defineProperty(Element.prototype, size, { configurable: true, value: 400 });
  await startI18n();
});

afterEach(cleanup);

const shown = () => screen.getAllByRole("row").slice(1).map((row) => within(row).getAllByRole("gridcell")[0]?.textContent);

test("sorts by a column, greatest first, then the other way", async () => {
  const user = userEvent.setup();
  render(<DataTable label="Things" columns={columns} rows={rows} rowKey={(row) => row.id} />);
  await user.click(screen.getByRole("button", { name: "Sort by Size" }));
  expect(shown()).toEqual(["b", "c", "a"]);
  expect(screen.getByRole("columnheader", { name: /Size/ }).getAttribute("aria-sort")).toBe("descending");
  await user.click(screen.getByRole("button", { name: "Sort by Size" }));
  expect(shown()).toEqual(["a", "c", "b"]);
});

test("opens a row by keyboard", async () => {
  const user = userEvent.setup();
  const onOpen = vi.fn();
  render(<DataTable label="Things" columns={columns} rows={rows} rowKey={(row) => row.id} onOpen={onOpen} />);
  screen.getAllByRole("row")[1]?.focus();
  await user.keyboard("{ArrowDown}");
  await vi.waitFor(() => expect(document.activeElement?.textContent).toBe("b9"));
  await user.keyboard("{Enter}");
  expect(onOpen).toHaveBeenCalledWith(rows[1]);
});

test("puts a column away", async () => {
  const user = userEvent.setup();
  render(<DataTable label="Things" columns={columns} rows={rows} rowKey={(row) => row.id} />);
  await user.click(screen.getByRole("button", { name: "Columns" }));
  await user.click(screen.getByRole("checkbox", { name: "Size" }));
  expect(screen.queryByRole("columnheader", { name: /Size/ })).toBeNull();
});
