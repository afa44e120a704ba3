// The pods that wait: since when, for what, why in plain words, and what would help.
import { html, useEffect } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { count } from "../../core/format.js";
import { Elapsed } from "../../cells/elapsed.js";
import { keepPending, pending, pendingError } from "../../cluster/pending.js";
import { href } from "../../core/router.js";
import { Table } from "../../parts/table.js";
import { asks } from "../../words/asks.js";
import { MOVES, readPending, sentence } from "../../words/pending.js";

const MAX_ROWS = 8;

const COLUMNS = [
  {
    id: "pod",
    title: "Pod",
    value: (row) => `${row.namespace}/${row.pod_name}`,
    cell: (row) => html`<${Pod} row=${row} />`,
  },
  {
    id: "since",
    title: "Waits",
    value: (row) => row.created_at,
    cell: (row) => html`<${Elapsed} from=${row.created_at} />`,
    numeric: true,
  },
  {
    id: "gpus",
    title: "Asks",
    value: (row) => row.requested_gpus,
    cell: (row) => html`<${Asks} row=${row} />`,
    numeric: true,
  },
  {
    id: "why",
    title: "Why it waits",
    value: (row) => readPending(row).because,
    cell: (row) => html`${readPending(row).because}.`,
    wrap: true,
  },
  {
    id: "help",
    title: "What would help",
    value: (row) => readPending(row).help,
    cell: (row) => html`<${Help} row=${row} />`,
    wrap: true,
  },
];

function Pod({ row: { namespace, pod_name: name } }) {
  return html`<a class="name" href=${href("pending", namespace, name)}>${name}</a>
    <span class="muted second">${namespace}</span>`;
}

/** By claims a pod may ask for any number. */
function Asks({ row }) {
  const gpus = row.requested_gpus;
  if (gpus === 0) return asks(row);
  return html`<span class="figure" data-figure="requested_gpus">${count(gpus)}</span> ${gpus === 1 ? "GPU" : "GPUs"}`;
}

function Help({ row }) {
  const { help, move } = readPending(row);
  return html`${help && `${sentence(help)}. `}
    ${move !== "nobody" && html`<span class="muted">It's up to ${MOVES[move]}.</span>`}`;
}

export function Waiting() {
  useEffect(keepPending, []);
  const rows = pending.value;
  return html`<section class="panel waiting" aria-labelledby="waiting-title">
    <div class="panel-head">
      <h2 id="waiting-title">Pending workloads</h2>
      ${rows && html`<span class="muted">${count(rows.length)}</span>`}
      ${rows?.length > MAX_ROWS && html`<a class="more" href=${href("pending")}>all ${count(rows.length)}</a>`}
    </div>
    ${rows ? html`<${Rows} rows=${rows} />` : html`<p class="muted">${pendingError.value?.message ?? "…"}</p>`}
  </section>`;
}

function Rows({ rows }) {
  return html`<${Table}
    caption="Pods that wait for GPUs, those that have waited longest first"
    columns=${COLUMNS}
    rows=${rows}
    rowKey=${(row) => `${row.namespace}/${row.pod_name}`}
    most=${MAX_ROWS}
    stacked
    commands=${(row) => ({ of: row.pod_name, ...commands.pending(scope.value, row) })}
    empty="Nothing waits for GPUs."
  />`;
}
