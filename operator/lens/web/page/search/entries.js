// What can be searched for: views, namespaces, nodes, workloads, tasks, pods that wait.
import { can } from "../client/access.js";
import { counted } from "../core/format.js";
import { pending } from "../cluster/pending.js";
import { nodes, tasks } from "../cluster/store.js";
import { VIEWS } from "../views/views.js";
import { asks } from "../words/asks.js";

/** Entries for search/ranking.js: { kind, name, text, detail, to }. `text` is searched too, `detail` is only shown. */
export function searchEntries() {
  return [...views(), ...fromTasks(), ...fromNodes(), ...fromPending()];
}

function views() {
  return Object.entries(VIEWS)
    .filter(([, { part }]) => part === null || can.value[part])
    .map(([name, { title }]) => ({ kind: "page", name: title, text: "", detail: "", to: name === "overview" ? [] : [name] }));
}

function fromTasks() {
  const namespaces = new Map();
  const workloads = new Map();
  const pods = [];
  for (const task of tasks.map.values()) {
    add(namespaces, task.namespace, task);
    if (task.workload_name !== task.pod_name) add(workloads, `${task.namespace}/${task.workload_name}`, task);
    pods.push({ kind: "task", name: task.pod_name, text: `${task.namespace} ${task.node_name}`, detail: `${task.namespace} · ${task.node_name}`, to: ["tasks", task.namespace, task.pod_name] });
  }
  return [
    ...[...namespaces].map(([name, { gpus }]) => ({ kind: "namespace", name, text: "", detail: `holds ${counted(gpus, "GPU")}`, to: ["tasks", { ns: name }] })),
    ...[...workloads.values()].map(({ gpus, first }) => ({
      kind: "workload",
      name: first.workload_name,
      text: `${first.namespace} ${first.workload_type}`,
      detail: `${first.namespace} · ${first.workload_type} · ${counted(gpus, "GPU")}`,
      to: ["tasks", { ns: first.namespace, workload: first.workload_name }],
    })),
    ...pods,
  ];
}

function add(sums, key, task) {
  const sum = sums.get(key);
  if (sum) sum.gpus += task.allocated_gpus;
  else sums.set(key, { gpus: task.allocated_gpus, first: task });
}

function fromNodes() {
  if (!can.value.nodes) return [];
  return [...nodes.map.values()].map((node) => ({
    kind: "node",
    name: node.node_name,
    text: `${node.product ?? ""} ${node.status}`,
    detail: `${node.allocated_gpus} held, ${node.available_gpus} free`,
    to: ["nodes", node.node_name],
  }));
}

function fromPending() {
  return (pending.value ?? []).map((task) => ({
    kind: "pending",
    name: task.pod_name,
    text: `${task.namespace} ${task.workload_name}`,
    detail: `${task.namespace} · waits for ${task.requested_gpus ? counted(task.requested_gpus, "GPU") : asks(task)}`,
    to: ["pending", task.namespace, task.pod_name],
  }));
}
