// All clusters that this Lens answers for.
import { html } from "../../core/html.js";
import { can, scope } from "../../client/access.js";
import { curl } from "../../core/commands.js";
import { counted, duration, percent, product } from "../../core/format.js";
import { route, setParams } from "../../core/router.js";
import { Bar } from "../../cells/bar.js";
import { Marked } from "../../cells/marked.js";
import { Link } from "../../parts/link.js";
import { NotAllowed, Refused } from "../../cells/refusal.js";
import { Table } from "../../parts/table.js";
import { usePolled } from "../../lists/polled.js";

const EVERY_MS = 10_000;

const MARKS = { ok: ["good", "✓", "ok"], stale: ["wary", "!", "old figures"], syncing: ["plain", "…", "being listed"], unreachable: ["bad", "✕", "unreachable"] };

const REASONS = { TIMEOUT: "no answer in time", FORBIDDEN: "no access there", FAILED: "its answer can't be used" };

const gpus = (field) => (row) => row.current_gpu_usage?.[field];

const COLUMNS = [
  { id: "name", title: "Cluster", value: (row) => row.name, cell: (row) => html`<${Link} to=${[{ cluster: row.name, namespace: null }]} aria-current=${row.name === scope.value?.cluster || undefined}>${row.name}</${Link}>${row.local && html` <span class="muted">this one</span>`}` },
  { id: "status", title: "Status", value: (row) => row.status, cell: (row) => html`<${Status} row=${row} />` },
  { id: "age", title: "Age", value: (row) => row.age_seconds, cell: (row) => (row.age_seconds === null ? null : duration(row.age_seconds)), numeric: true, hide: "narrow" },
  { id: "total", title: "GPUs", value: gpus("total_gpus"), numeric: true, figure: "total_gpus" },
  { id: "held", title: "Held", value: gpus("allocated_gpus"), numeric: true, figure: "allocated_gpus", hide: "narrow" },
  { id: "free", title: "Free", value: (row) => row.available_resources?.available_gpus, numeric: true, figure: "available_gpus" },
  { id: "block", title: "Largest block", value: (row) => row.available_resources?.max_contiguous_gpu, numeric: true, hide: "medium" },
  { id: "used", title: "Used", value: gpus("utilization_rate"), cell: (row) => html`<${Bar} value=${row.current_gpu_usage?.utilization_rate} why="Its figures aren't known" />`, numeric: true, hide: "narrow" },
  { id: "nodes", title: "Nodes", value: (row) => row.gpu_nodes?.total, numeric: true, hide: "medium" },
  { id: "tasks", title: "Tasks", value: (row) => row.running_tasks, numeric: true, hide: "medium" },
];

export default function Clusters() {
  const path = can.value.clusters ? "realtime/summary" : null;
  const { data, error } = usePolled(path, {}, EVERY_MS);
  if (path === null) return html`<${NotAllowed} what="the list of clusters" />`;
  if (data === null) return error ? html`<${Refused} error=${error} what="the list of clusters" />` : html`<p class="boot">Loading …</p>`;
  return html`<section class="panel">
    <div class="panel-head"><h1>Clusters</h1><p class="muted">${sums(data)}</p></div>
    ${error && html`<${Refused} error=${error} what="the list of clusters" />`}
    <${Table} caption="Clusters" columns=${COLUMNS} rows=${data.clusters} rowKey=${(row) => row.name} sort=${route.value.params.sort} onSort=${(sort) => setParams({ sort })}
      commands=${(row) => ({ of: row.name, curl: curl("realtime/status", { cluster: row.name }) })} />
  </section>
  <${Products} rows=${data.products} />`;
}

function sums(data) {
  const usage = data.current_gpu_usage;
  const missing = data.unreachable.length ? `, without ${counted(data.unreachable.length, "unreachable cluster")}` : "";
  return `${counted(data.clusters.length, "cluster")}: ${counted(usage.total_gpus, "GPU")}, ${percent(usage.allocation_rate)} held, ${data.available_resources.available_gpus} free${missing}`;
}

function Status({ row }) {
  const [kind, glyph, words] = MARKS[row.status] ?? ["plain", "?", row.status];
  return html`<${Marked} kind=${kind} glyph=${glyph}>${words}${row.reason ? `: ${REASONS[row.reason] ?? row.reason}` : ""}</${Marked}>`;
}

const PRODUCTS = [
  { id: "product", title: "Product", value: (row) => row.product, cell: (row) => html`<span title=${row.product ?? row.reason}>${product(row.product)}</span>` },
  { id: "total", title: "GPUs", value: (row) => row.total, numeric: true },
  { id: "allocated", title: "Held", value: (row) => row.allocated, numeric: true },
  { id: "available", title: "Free", value: (row) => row.available, numeric: true },
  { id: "block", title: "Largest block", value: (row) => row.largest_block, numeric: true, hide: "narrow" },
  { id: "closed", title: "Closed", value: (row) => row.unavailable, numeric: true, hide: "narrow" },
  { id: "broken", title: "Broken", value: (row) => row.unhealthy, numeric: true, hide: "narrow" },
];

function Products({ rows }) {
  return html`<section class="panel"><div class="panel-head"><h2>Products in all clusters</h2></div>
    <${Table} caption="GPU products in all clusters" columns=${PRODUCTS} rows=${rows} rowKey=${(row) => row.product ?? row.reason} /></section>`;
}
