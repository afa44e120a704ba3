// A table of tasks.
import { html, useMemo } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { bytes } from "../../core/format.js";
import { Bar } from "../../cells/bar.js";
import { Elapsed } from "../../cells/elapsed.js";
import { NodeName, Pod, Workload } from "../../cells/names.js";
import { Table } from "../../parts/table.js";
import { whyNull } from "../../words/reasons.js";

/** What a task is doing, from its phase: "running", "starting", "terminating", or the phase itself. */
export function taskState(task) {
  if (task.terminating) return "terminating";
  return { Running: "running", Pending: "starting" }[task.phase] ?? task.phase;
}

const COLUMNS = [
  { id: "pod", title: "Pod", value: (task) => task.pod_name, cell: (task) => html`<${Pod} namespace=${task.namespace} name=${task.pod_name} bare />` },
  { id: "ns", title: "Namespace", value: (task) => task.namespace, cell: (task) => html`<span class="name">${task.namespace}</span>`, hide: "narrow" },
  { id: "workload", title: "Workload", value: (task) => `${task.workload_name} ${task.workload_type}`, cell: (task) => html`<${Workload} of=${task} />`, hide: "medium" },
  { id: "node", title: "Node", value: (task) => task.node_name, cell: (task) => html`<${NodeName} name=${task.node_name} />`, hide: "narrow" },
  { id: "gpus", title: "GPUs", value: (task) => task.allocated_gpus, cell: (task) => html`<${Gpus} of=${task} />`, numeric: true },
  { id: "used", title: "Used", value: (task) => task.utilization, cell: (task) => html`<${Bar} value=${task.utilization} why=${whyNull(task.utilization_reason)} figure="utilization" />`, numeric: true },
  { id: "memory", title: "GPU memory", value: (task) => task.memory_used_bytes, cell: (task) => (task.memory_used_bytes === null ? null : bytes(task.memory_used_bytes)), numeric: true, hide: "medium" },
  { id: "age", title: "Running", value: (task) => (task.started_at === null ? null : -Date.parse(task.started_at)), cell: (task) => html`<${Elapsed} from=${task.started_at} />`, numeric: true, hide: "narrow" },
  { id: "state", title: "State", value: taskState },
];

/** Its GPUs, and what parts of them where it has parts. */
function Gpus({ of }) {
  const parts = Object.entries(of.units ?? {}).map(([resource, units]) => `${units} ${resource.replace(/^.*\//, "")}`);
  if (of.fraction) parts.push(of.fraction.portion === null ? `${of.fraction.memory_mib} MiB` : `${of.fraction.portion} of each`);
  return html`${parts.length > 0 && html`<span class="muted parts">${parts.join(", ")} on </span>`}<span data-figure="allocated_gpus">${of.approximate ? `${of.allocated_gpus}+` : of.allocated_gpus}</span>`;
}

/** `without` has ids of columns that say nothing here. The other properties are Table's. */
export function TaskTable({ tasks, without = [], caption, ...rest }) {
  const all = tasks.every((task) => taskState(task) === "running") ? [...without, "state"] : without;
  const columns = useMemo(() => COLUMNS.filter(({ id }) => !all.includes(id)), [all.join()]);
  return html`<${Table} caption=${caption} columns=${columns} rows=${tasks} rowKey=${taskKey} commands=${taskCommands} ...${rest} />`;
}

const taskKey = (task) => `${task.namespace}/${task.pod_name}`;

const taskCommands = (task) => ({ of: taskKey(task), ...commands.task(scope.value, task) });
