// The map's numbers as a table: one row a node.
import { html, useState } from "../core/html.js";
import { scope } from "../client/access.js";
import { commands } from "../core/commands.js";
import { percent, product } from "../core/format.js";
import { cells, groups } from "../cluster/cells.js";
import { sampled } from "../core/sampled.js";
import { nodes, tasks } from "../cluster/store.js";
import { nodeHref } from "../parts/link.js";
import { Table } from "../parts/table.js";

const rows = sampled(2000, [nodes.revision, tasks.revision], () =>
  groups()
    .flatMap(({ names }) => names)
    .map((name) => {
      const found = { busy: 0, idle: 0, held: 0 };
      for (const { state } of cells.of(name)) if (state in found) found[state] += 1;
      return { node_name: name, total_gpus: found.busy + found.idle + found.held, ...nodes.get(name), ...found };
    }),
);

const COLUMNS = [
  {
    id: "node_name",
    title: "Node",
    value: (row) => row.node_name,
    cell: (row) => html`<a href=${nodeHref(row.node_name)}>${row.node_name}</a>`,
  },
  {
    id: "product",
    title: "Product",
    value: (row) => row.product,
    cell: (row) => html`<span title=${row.product}>${product(row.product)}</span>`,
    hide: "medium",
  },
  {
    id: "status",
    title: "Status",
    value: (row) => (row.unschedulable ? `${row.status}, cordoned` : row.status),
    hide: "narrow",
  },
  { id: "busy", title: "Busy", value: (row) => row.busy, numeric: true },
  { id: "idle", title: "Held, idle", value: (row) => row.idle, numeric: true },
  { id: "held", title: "Not measured", value: (row) => row.held, numeric: true, hide: "narrow" },
  { id: "available_gpus", title: "Free", value: (row) => row.available_gpus, numeric: true, figure: "available_gpus" },
  {
    id: "unavailable_gpus",
    title: "Closed",
    value: (row) => row.unavailable_gpus,
    numeric: true,
    figure: "unavailable_gpus",
  },
  {
    id: "unhealthy_gpus",
    title: "Broken",
    value: (row) => row.unhealthy_gpus,
    numeric: true,
    figure: "unhealthy_gpus",
  },
  { id: "total_gpus", title: "GPUs", value: (row) => row.total_gpus, numeric: true, figure: "total_gpus" },
  {
    id: "utilization",
    title: "Used",
    value: (row) => row.utilization,
    cell: (row) => percent(row.utilization),
    numeric: true,
  },
];

export function MapTable() {
  const [sort, setSort] = useState("node_name");
  return html`<${Table} caption="GPUs by node and state" columns=${COLUMNS} rows=${rows.value} rowKey=${(row) => row.node_name} sort=${sort} onSort=${setSort}
    commands=${(row) => ({ of: row.node_name, ...commands.node(scope.value, row.node_name) })} empty="The cluster has no GPUs." />`;
}
