// Who holds the GPUs, and how well they're used.
import { html, useEffect } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { keepNamespaces, namespaces } from "../../cluster/namespaces.js";
import { commands } from "../../core/commands.js";
import { NONE, count, gpuHours, percent } from "../../core/format.js";
import { href, route, setParams } from "../../core/router.js";
import { Table } from "../../parts/table.js";

const MAX_ROWS = 8;
/** Less than 0.1 GPU hours aren't worth a word. */
const MIN_SECONDS = 360;

const COLUMNS = [
  {
    id: "namespace",
    title: "Namespace",
    value: (row) => row.namespace,
    cell: (row) => html`<a class="name" href=${href("tasks", { ns: row.namespace })}>${row.namespace}</a>`,
    grow: true,
  },
  {
    id: "held",
    title: "Held",
    value: (row) => row.allocated_gpus,
    cell: (row) =>
      html`<a href=${href("tasks", { ns: row.namespace, sort: "-gpus" })}>${count(row.allocated_gpus)}</a>`,
    numeric: true,
    figure: "allocated_gpus",
  },
  {
    id: "used",
    title: "Used",
    help: "Mean utilization of the held GPUs that are measured",
    value: (row) => row.utilization,
    cell: (row) => html`<${Used} percent=${row.utilization} />`,
    numeric: true,
  },
  {
    id: "idle",
    title: "Idle",
    help: "GPUs that are held and idle now, and the GPU hours (h) that they have been so far",
    value: (row) => row.idle_gpu_seconds,
    cell: (row) => html`<${Idle} row=${row} />`,
    numeric: true,
  },
  {
    id: "pending",
    title: "Pending",
    value: (row) => row.pending_gpus,
    cell: (row) =>
      row.pending_pods
        ? html`<a href=${href("pending", { ns: row.namespace })}>${count(row.pending_gpus)}</a>`
        : count(row.pending_gpus),
    numeric: true,
    figure: "pending_gpus",
  },
];

function Idle({ row: { namespace, idle_gpus: idle, idle_gpu_seconds: seconds } }) {
  return html`<a href=${href("tasks", { ns: namespace, idle: 1 })}>
    <span data-figure="idle_gpus">${count(idle)}</span>
    ${seconds >= MIN_SECONDS && html` <span class="muted">· ${gpuHours(seconds)} h</span>`}
  </a>`;
}

function Used({ percent: value }) {
  // An empty bar would say 0 %.
  if (value === null || value === undefined) return html`<span class="unknown">${NONE}</span>`;
  return html`<span class="meter" aria-hidden="true"><span style=${{ width: `${value}%` }}></span></span>${percent(value)}`;
}

export function Namespaces() {
  useEffect(keepNamespaces, []);
  const { rows = null, held = 0 } = namespaces.value ?? {};
  const { all, nsort = "-held" } = route.value.params;
  const sum = (rows ?? []).reduce((all, row) => all + row.allocated_gpus, 0);
  return html`<section class="panel namespaces" aria-labelledby="namespaces-title">
    <div class="panel-head">
      <h2 id="namespaces-title">Namespaces</h2>${rows && html`<span class="muted">${count(rows.length)}</span>`}
      ${rows?.length > MAX_ROWS && html`<${All} shown=${Boolean(all)} number=${rows.length} />`}
    </div>
    <${Table}
      caption="GPUs by namespace"
      columns=${COLUMNS}
      rows=${rows ?? []}
      rowKey=${(row) => row.namespace}
      sort=${nsort}
      onSort=${(next) => setParams({ nsort: next })}
      most=${all ? null : MAX_ROWS}
      commands=${({ namespace }) => ({ of: namespace, ...commands.namespace(scope.value, namespace) })}
      empty=${rows ? "Nobody holds a GPU." : "…"}
    />
    ${sum > held && html`<p class="hint">A GPU that namespaces share counts for each of them.</p>`}
  </section>`;
}

function All({ shown, number }) {
  const change = () => setParams({ all: shown ? null : 1 });
  return html`<button type="button" class="quiet small more" aria-pressed=${shown ? "true" : "false"} onClick=${change}>
    all ${count(number)}</button>`;
}
