// Who holds the GPUs, and how well they're used.
import { html } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { count, gpuHours, percent } from "../../core/format.js";
import { heldState } from "../../cluster/gpu_states.js";
import { idleSeconds } from "../../cluster/idle.js";
import { pending } from "../../cluster/pending.js";
import { href, route, setParams } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { alerts, tasks } from "../../cluster/store.js";
import { Table } from "../../parts/table.js";

const MOST = 8;

/** Rows by namespace: of running tasks and of pending pods. */
export const namespaces = sampled(1000, [tasks.revision, alerts.revision, pending], () => {
  const found = new Map();
  const of = (name) => {
    let row = found.get(name);
    if (!row) found.set(name, (row = { namespace: name, held: 0, tasks: 0, idle: 0, idleSeconds: 0, measured: 0, used: 0, pending: 0, pendingPods: 0 }));
    return row;
  };
  const now = Date.now();
  for (const task of tasks.map.values()) {
    const row = of(task.namespace);
    row.tasks += 1;
    row.held += task.allocated_gpus;
    if (task.utilization !== null) {
      row.measured += task.allocated_gpus;
      row.used += task.utilization * task.allocated_gpus;
    }
    if (heldState(task.utilization) === "idle") row.idle += task.allocated_gpus;
    row.idleSeconds += idleSeconds(task, now) * task.allocated_gpus;
  }
  for (const pod of pending.value ?? []) {
    const row = of(pod.namespace);
    row.pending += pod.requested_gpus;
    row.pendingPods += 1;
  }
  return [...found.values()].map((row) => ({ ...row, utilization: row.measured ? row.used / row.measured : null }));
});

const COLUMNS = [
  { id: "namespace", title: "Namespace", value: (row) => row.namespace, cell: (row) => html`<a href=${href("tasks", { ns: row.namespace })}>${row.namespace}</a>`, grow: true },
  { id: "held", title: "Held", value: (row) => row.held, cell: (row) => html`<a href=${href("tasks", { ns: row.namespace, sort: "-gpus" })}>${count(row.held)}</a>`, numeric: true, figure: "allocated_gpus" },
  { id: "used", title: "Used", value: (row) => row.utilization, cell: (row) => html`<${Used} percent=${row.utilization} />`, numeric: true },
  { id: "idle", title: "Idle GPU h", value: (row) => row.idleSeconds, cell: (row) => html`<a href=${href("tasks", { ns: row.namespace, idle: 1 })} title=${`${count(row.idle)} GPUs are idle now`}>${gpuHours(row.idleSeconds)}</a>`, numeric: true },
  { id: "pending", title: "Pending", value: (row) => row.pending, cell: (row) => (row.pendingPods ? html`<a href=${href("pending", { ns: row.namespace })}>${count(row.pending)}</a>` : count(0)), numeric: true, figure: "pending_gpus" },
];

function Used({ percent: value }) {
  return html`<span class="meter" aria-hidden="true"><span style=${{ width: `${value ?? 0}%` }}></span></span>${percent(value)}`;
}

export function Namespaces() {
  const rows = namespaces.value;
  const { all, nsort } = route.value.params;
  const sort = nsort ?? "-held";
  return html`<section class="panel namespaces" aria-labelledby="namespaces-title">
    <div class="panel-head"><h2 id="namespaces-title">Namespaces</h2><span class="muted">${count(rows.length)}</span>
      ${rows.length > MOST && html`<button type="button" class="quiet small more" onClick=${() => setParams({ all: all ? null : 1 })}>${all ? "the first only" : `all ${count(rows.length)}`}</button>`}</div>
    <${Table} caption="GPUs by namespace" columns=${COLUMNS} rows=${rows} rowKey=${(row) => row.namespace} sort=${sort} onSort=${(next) => setParams({ nsort: next })} most=${all ? null : MOST}
      commands=${(row) => ({ of: row.namespace, ...commands.namespace(scope.value, row.namespace) })} empty="Nobody holds a GPU." />
  </section>`;
}
