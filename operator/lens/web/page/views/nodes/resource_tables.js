// A node's GPU resources in their units, and KAI-Scheduler's reservation pods.
import { html } from "../../core/html.js";
import { Pod } from "../../cells/names.js";
import { Table } from "../../parts/table.js";

const amount = (id, title, hide) => ({ id, title, value: (row) => row[id], numeric: true, figure: id, hide });

const COLUMNS = [
  { id: "resource", title: "Resource", value: (row) => row.resource },
  amount("capacity", "Capacity", "medium"),
  amount("allocatable", "Allocatable", "narrow"),
  amount("allocated", "Held"),
  amount("available", "Free"),
  amount("unavailable", "Closed", "medium"),
  amount("unhealthy", "Broken", "narrow"),
  amount("overcommitted", "Beyond", "medium"),
];

export function ResourceTable({ node }) {
  const rows = [...node.resources, ...(node.drivers ?? []).map((row) => ({ ...row, resource: `${row.resource} (DRA)` }))];
  if (!rows.length) return null;
  return html`<section class="panel"><div class="panel-head"><h2>Resources</h2><p class="muted">in units of each resource</p></div>
    <${Table} caption="GPU resources of this node, in units" columns=${COLUMNS} rows=${rows} rowKey=${(row) => row.resource} /></section>`;
}

const RESERVATIONS = [
  { id: "pod", title: "Reservation pod", value: (row) => row.pod, cell: ({ pod }) => html`<${Named} path=${pod} />` },
  { id: "gpus", title: "GPUs", value: (row) => row.gpus, numeric: true },
  { id: "groups", title: "Groups", value: (row) => row.gpu_groups.join(", "), hide: "narrow" },
  { id: "tasks", title: "For", value: (row) => row.total_tasks, cell: (row) => html`<${Sharers} of=${row} />`, grow: true },
];

export function ReservationTable({ reservations }) {
  return html`<section class="panel"><div class="panel-head"><h2>Reservations of KAI-Scheduler</h2></div>
    <${Table} caption="Reservation pods on this node" columns=${RESERVATIONS} rows=${reservations} rowKey=${(row) => row.pod} /></section>`;
}

function Sharers({ of }) {
  if (!of.total_tasks) return html`<span class="wary">no pod</span>`;
  const more = of.total_tasks - of.tasks.length;
  return html`${of.tasks.map((path, at) => html`${at > 0 && ", "}<${Named} key=${path} path=${path} />`)}${more > 0 && ` and ${more} more`}`;
}

/** "namespace/name" as a link. */
function Named({ path }) {
  const at = path.indexOf("/");
  return html`<${Pod} namespace=${path.slice(0, at)} name=${path.slice(at + 1)} />`;
}
