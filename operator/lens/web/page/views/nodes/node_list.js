// All nodes with GPUs, as the stream has them.
import { html, useMemo } from "../../core/html.js";
import { can, scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { counted, product } from "../../core/format.js";
import { route, setParams } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { nodes } from "../../cluster/store.js";
import { Bar } from "../../cells/bar.js";
import { Marked } from "../../cells/marked.js";
import { NodeName } from "../../cells/names.js";
import { Link } from "../../parts/link.js";
import { NotAllowed } from "../../cells/refusal.js";
import { Table } from "../../parts/table.js";
import { ChoiceFilter, Filters, TextFilter } from "../../lists/filters.js";

const rows = sampled(1000, [nodes.revision], () => [...nodes.map.values()]);

/** What a node's GPUs are used for: counting.md's classes of nodes, and two that cut across them. */
const USES = [
  ["", "any use"],
  ["idle", "nothing held"],
  ["partly", "partly used"],
  ["full", "full"],
  ["closed", "closed"],
  ["broken", "with broken GPUs"],
];

function isUsed(node, use) {
  if (use === "broken") return node.unhealthy_gpus > 0 || node.overcommitted_gpus > 0;
  if (use === "closed") return !node.schedulable;
  if (!node.schedulable || !node.total_gpus) return false;
  if (use === "full") return node.available_gpus === 0;
  if (use === "idle") return node.available_gpus > 0 && node.allocated_gpus === 0;
  return node.available_gpus > 0 && node.allocated_gpus > 0;
}

/** A node's condition in a word or two. */
export function NodeStatus({ node }) {
  if (node.status !== "Ready") return html`<${Marked} kind="bad" glyph="✕">${node.status}</${Marked}>`;
  if (node.unschedulable) return html`<${Marked} kind="closed" glyph="╱">cordoned</${Marked}>`;
  if (!node.schedulable) return html`<${Marked} kind="closed" glyph="╱">closed by a taint</${Marked}>`;
  return html`<${Marked} kind="good" glyph="✓">Ready</${Marked}>`;
}

function productOptions(all) {
  const names = [...new Set(all.map((node) => node.product))].filter((name) => name !== null).sort();
  return [["", "any product"], ...names.map((name) => [name, product(name)])];
}

const COLUMNS = [
  { id: "name", title: "Node", value: (node) => node.node_name, cell: (node) => html`<${NodeName} name=${node.node_name} />` },
  { id: "status", title: "Status", value: (node) => (node.status !== "Ready" ? node.status : node.unschedulable ? "cordoned" : node.schedulable ? "Ready" : "closed"), cell: (node) => html`<${NodeStatus} node=${node} />` },
  { id: "product", title: "Product", value: (node) => node.product, cell: (node) => (node.product === null ? null : html`<span title=${node.product}>${product(node.product)}</span>`), hide: "narrow" },
  { id: "total", title: "GPUs", value: (node) => node.total_gpus, numeric: true, figure: "total_gpus", hide: "narrow" },
  { id: "held", title: "Held", value: (node) => node.allocated_gpus, numeric: true, figure: "allocated_gpus" },
  { id: "free", title: "Free", value: (node) => node.available_gpus, numeric: true, figure: "available_gpus" },
  { id: "closed", title: "Closed", value: (node) => node.unavailable_gpus, numeric: true, figure: "unavailable_gpus", hide: "medium" },
  { id: "broken", title: "Broken", value: (node) => node.unhealthy_gpus, numeric: true, figure: "unhealthy_gpus", hide: "medium" },
  { id: "used", title: "Used", value: (node) => node.utilization, cell: (node) => html`<${Bar} value=${node.utilization} why="Nothing measures this node" figure="utilization" />`, numeric: true, hide: "narrow" },
  { id: "tasks", title: "Tasks", value: (node) => node.running_tasks, numeric: true, figure: "running_tasks", hide: "medium", cell: (node) => (node.running_tasks && can.value.tasks ? html`<${Link} to=${["tasks", { node: node.node_name }]}>${node.running_tasks}</${Link}>` : node.running_tasks) },
];

export function NodeList() {
  const { sort = "name", q = "", use = "", product: wanted = "", free } = route.value.params;
  const all = rows.value;
  const least = /^\d+$/.test(free ?? "") ? Number(free) : 0;
  const found = useMemo(
    () => all.filter((node) => (!use || isUsed(node, use)) && (!wanted || node.product === wanted) && node.available_gpus >= least),
    [all, use, wanted, least],
  );
  if (!can.value.nodes) return html`<${NotAllowed} what="the cluster's nodes" />`;
  const gpus = found.reduce((sum, node) => sum + node.total_gpus, 0);
  const open = found.reduce((sum, node) => sum + node.available_gpus, 0);
  return html`<section class="panel">
    <div class="panel-head"><h1>Nodes</h1><p class="muted">${counted(found.length, "node")} of ${all.length} with ${counted(gpus, "GPU")}, ${open} free</p></div>
    <${Filters} label="Filter the nodes">
      <${TextFilter} name="q" label="Search" placeholder="name, product, status" />
      <${ChoiceFilter} name="use" label="Use" options=${USES} />
      <${ChoiceFilter} name="product" label="Product" options=${productOptions(all)} />
      <${ChoiceFilter} name="free" label="Free GPUs" options=${[["", "any"], ["1", "1 or more"], ["2", "2 or more"], ["4", "4 or more"], ["8", "8 or more"]]} />
    </${Filters}>
    <${Table} caption="Nodes with GPUs" columns=${COLUMNS} rows=${found} rowKey=${(node) => node.node_name} sort=${sort} search=${q}
      onSort=${(next) => setParams({ sort: next })} commands=${(node) => ({ of: node.node_name, ...commands.node(scope.value, node.node_name) })}
      empty="No node of this cluster has GPUs." />
  </section>`;
}
