// A table that is sorted by its headings and searched. Of a long one only the visible rows are rendered.
import { html, useLayoutEffect, useMemo, useRef, useState } from "../core/html.js";
import { NONE, count } from "../core/format.js";
import { search, sorted } from "../lists/query.js";
import { Copy } from "./copy.js";
import { onRowKey } from "../lists/row_keys.js";

/** Up to so many rows are all in the document. */
const MAX_ROWS = 200;
const ROW_PX = 36;
const BEYOND = 8;

/** Rows that match, in order, as a table with these columns shows them. */
export function arranged(rows, columns, { sort, search: text }) {
  const found = search(rows, text ?? "", (row) => columns.map((column) => column.value(row)).filter((value) => typeof value === "string"));
  const values = Object.fromEntries(columns.map((column) => [column.id, column.value]));
  return sort ? sorted(found, sort, values) : found;
}

/**
 * columns: [{ id, title, value(row), cell(row)?, numeric?, figure?, grow?, wrap?, hide? }]: `value` is for sorting and searching, and
 * shown unless there is a `cell`; `help` says what the head means, `figure` is the field's name in the API; `grow` takes the width that is left, `wrap` breaks lines
 * (in short tables only); `hide` is "narrow" or "medium": windows without the column.
 * rows, rowKey(row); sort "id" or "-id", onSort(sort) (without it heads are no buttons); search: a text. most: rows that are shown at the most.
 * stacked: in narrow windows a row's cells stand one below another.
 * commands(row) → { of, curl, kubectl }; caption (for screen readers); empty: shown instead of rows.
 */
export function Table({ columns, rows, rowKey, sort, onSort, search: text, commands, caption, empty = "None.", rowClass, most = null, stacked = false }) {
  const all = useMemo(() => arranged(rows, columns, { sort, search: text }), [rows, columns, sort, text]);
  const shown = most === null ? all : all.slice(0, most);
  const view = useWindow(shown.length);
  const visible = shown.slice(view.from, view.to);
  const span = columns.length + (commands ? 1 : 0);
  return html`<div class=${`table-wrap${view.all ? "" : " long"}${stacked ? " stacked" : ""}`} ref=${view.ref} onScroll=${view.onScroll} onKeyDown=${onRowKey} tabindex="0"
      role="region" aria-label=${caption}>
    <table role="table" aria-rowcount=${view.all ? undefined : shown.length + 1}>
      <caption class="visually-hidden">${caption}</caption>
      <thead role="rowgroup"><tr role="row" aria-rowindex=${view.all ? undefined : 1}>
        ${columns.map((column) => html`<${Head} key=${column.id} column=${column} sort=${sort} onSort=${onSort} />`)}
        ${commands && html`<th role="columnheader" class="copy-column"><span class="visually-hidden">Copy</span></th>`}
      </tr></thead>
      <tbody role="rowgroup">
        ${view.from > 0 && html`<${Spacer} key="above" rows=${view.from} span=${span} />`}
        ${visible.map((row, i) => html`<tr key=${rowKey(row)} role="row" data-row=${rowKey(row)} class=${rowClass?.(row)}
            aria-rowindex=${view.all ? undefined : view.from + i + 2}>
          ${columns.map((column) => html`<${Cell} key=${column.id} column=${column} row=${row} />`)}
          ${commands && html`<td role="cell" class="copy-column"><${Copy} ...${commands(row)} /></td>`}
        </tr>`)}
        ${view.to < shown.length && html`<${Spacer} key="below" rows=${shown.length - view.to} span=${span} />`}
        ${!shown.length && html`<tr role="row"><td role="cell" class="empty" colspan=${span}>${rows.length ? `None of ${count(rows.length)} matches.` : empty}</td></tr>`}
      </tbody>
    </table>
  </div>`;
}

function classOf({ numeric, hide, grow, wrap }) {
  return [numeric && "numeric", hide && `hide-${hide}`, grow && "grow", wrap && "wrap"].filter(Boolean).join(" ") || undefined;
}

function Head({ column, sort, onSort }) {
  const direction = sort === column.id ? "ascending" : sort === `-${column.id}` ? "descending" : undefined;
  const next = direction ? (direction === "ascending" ? `-${column.id}` : column.id) : column.numeric ? `-${column.id}` : column.id;
  return html`<th scope="col" role="columnheader" class=${classOf(column)} aria-sort=${direction} title=${column.help}>
    ${onSort
      ? html`<button type="button" onClick=${() => onSort(next)}>${column.title}<span class="sort" aria-hidden="true">${direction ? (direction === "ascending" ? "▲" : "▼") : ""}</span></button>`
      : column.title}
  </th>`;
}

function Cell({ column, row }) {
  const value = column.cell ? column.cell(row) : column.value(row);
  const content = value === null || value === undefined ? NONE : typeof value === "number" ? count(value) : value;
  return html`<td role="cell" class=${classOf(column)} data-title=${column.title} data-figure=${column.figure}>${content}</td>`;
}

function Spacer({ rows, span }) {
  return html`<tr class="spacer" aria-hidden="true"><td colspan=${span} style=${{ height: `${rows * ROW_PX}px` }}></td></tr>`;
}

/** Which of `length` rows are in the document: all, or those in view and some beyond. */
function useWindow(length) {
  const ref = useRef(null);
  const all = length <= MAX_ROWS;
  const [{ top, height }, set] = useState({ top: 0, height: 600 });
  const measure = () => {
    const element = ref.current;
    const next = { top: Math.floor(element.scrollTop / ROW_PX), height: element.clientHeight };
    if (next.top !== top || next.height !== height) set(next);
  };
  useLayoutEffect(() => {
    if (!all) measure();
  });
  if (all) return { ref, all, from: 0, to: length, onScroll: undefined };
  const from = Math.max(0, Math.min(top, length - 1) - BEYOND);
  return { ref, all, from, to: Math.min(length, top + Math.ceil(height / ROW_PX) + BEYOND), onScroll: measure };
}
