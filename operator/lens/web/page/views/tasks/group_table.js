// Tasks added up: who holds how much, and how much of it works.
import { html, useMemo } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { commands, curl } from "../../core/commands.js";
import { heldState } from "../../cluster/gpu_states.js";
import { setParams } from "../../core/router.js";
import { Bar } from "../../cells/bar.js";
import { NodeName } from "../../cells/names.js";
import { Link } from "../../parts/link.js";
import { Table } from "../../parts/table.js";
import { kubectl } from "../../words/commands.js";

const KEYS = {
  workload: (task) => `${task.namespace}/${task.workload_type}/${task.workload_name}`,
  namespace: (task) => task.namespace,
  node: (task) => task.node_name,
};

/** Rows of sums: { key, first, tasks, gpus, idle, used }. `used` is the mean of the GPUs whose tasks are measured. */
function groups(tasks, by) {
  const found = new Map();
  for (const task of tasks) {
    const key = KEYS[by](task);
    let group = found.get(key);
    if (!group) found.set(key, (group = { key, first: task, tasks: 0, gpus: 0, idle: 0, measured: 0, sum: 0 }));
    group.tasks += 1;
    group.gpus += task.allocated_gpus;
    if (heldState(task.utilization) === "idle") group.idle += task.allocated_gpus;
    if (task.utilization !== null) {
      group.measured += task.allocated_gpus;
      group.sum += task.utilization * task.allocated_gpus;
    }
  }
  return [...found.values()].map((group) => ({ ...group, used: group.measured ? group.sum / group.measured : null }));
}

const NAMES = {
  workload: [
    { id: "name", title: "Workload", value: ({ first }) => first.workload_name, cell: ({ first }) => html`<${Link} to=${["tasks", { ns: first.namespace, workload: first.workload_name }]}>${first.workload_name}</${Link}> <span class="muted">${first.workload_type}</span>` },
    { id: "ns", title: "Namespace", value: ({ first }) => first.namespace },
  ],
  namespace: [{ id: "name", title: "Namespace", value: ({ key }) => key, cell: ({ key }) => html`<${Link} to=${["tasks", { ns: key }]}>${key}</${Link}>` }],
  node: [{ id: "name", title: "Node", value: ({ key }) => key, cell: ({ key }) => html`<${NodeName} name=${key} />` }],
};

const SUMS = [
  { id: "gpus", title: "GPUs", value: (row) => row.gpus, numeric: true },
  { id: "used", title: "Used", value: (row) => row.used, cell: (row) => html`<${Bar} value=${row.used} why="Nothing measures these GPUs" />`, numeric: true },
  { id: "idle", title: "Idle GPUs", value: (row) => row.idle, cell: (row) => (row.measured ? row.idle : null), numeric: true },
  { id: "tasks", title: "Tasks", value: (row) => row.tasks, numeric: true },
];

const COMMANDS = {
  workload: ({ first }) => ({
    curl: curl("realtime/running-tasks", { ...scope.value, namespace: first.namespace }),
    kubectl: kubectl(first.workload_type, first.namespace, first.workload_name),
  }),
  namespace: ({ key }) => commands.namespace(scope.value, key),
  node: ({ key }) => commands.node(scope.value, key),
};

export function GroupTable({ tasks, by, sort, search }) {
  const known = Object.hasOwn(KEYS, by) ? by : "namespace";
  const rows = useMemo(() => groups(tasks, known), [tasks, known]);
  return html`<${Table} caption=${`GPUs by ${known}`} columns=${[...NAMES[known], ...SUMS]} rows=${rows} rowKey=${(row) => row.key} sort=${sort} search=${search}
    onSort=${(next) => setParams({ sort: next })} commands=${(row) => ({ of: row.key, ...COMMANDS[known](row) })} empty="No pod holds a GPU." />`;
}
