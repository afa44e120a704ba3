// The cluster as the stream shows it: figures as signals, rows as collections.
import { batch, signal } from "../core/html.js";
import { Collection } from "./collection.js";
import { idlePercent } from "./gpu_states.js";

/** The cluster's name, as the server has it. */
export const cluster = signal(null);

/** The `status` of the last snapshot or change; null until one came, or if the caller may not see it. */
export const status = signal(null);

/** Rows as in the API: nodes by name, alerts by id, running tasks by namespace, name and uid. */
export const nodes = new Collection((row) => row.node_name);
export const alerts = new Collection((row) => row.id);
export const tasks = new Collection((row) => `${row.namespace}/${row.pod_name}/${row.pod_uid}`);

/** The latest events, newest first. */
export const events = signal([]);

/** Which sections the last snapshot had: "status", "nodes", "tasks", "alerts", "events". */
export const sections = signal(new Set());

const MAX_EVENTS = 1000;
const LISTS = { nodes, tasks, alerts };

/** Take a `snapshot` of the stream. */
export function takeSnapshot(data) {
  batch(() => {
    cluster.value = data.cluster;
    // Before the rows, whose states depend on it. An older Lens doesn't send it.
    idlePercent.value = data.idle_percent ?? 1;
    sections.value = new Set(
      ["status", ...Object.keys(LISTS), "events"].filter(
        (name) => (name === "events" ? "recent_events" : name) in data,
      ),
    );
    status.value = data.status ?? null;
    for (const [name, list] of Object.entries(LISTS)) list.reset(data[name] ?? []);
    events.value = data.recent_events ?? [];
  });
}

/** Take a `change` of the stream. */
export function takeChange(data) {
  batch(() => {
    if (data.status) status.value = data.status;
    for (const [name, list] of Object.entries(LISTS)) {
      if (data[name]) list.apply(data[name].changed ?? [], data[name].gone ?? []);
    }
    if (data.recent_events?.length) events.value = [...data.recent_events, ...events.value].slice(0, MAX_EVENTS);
  });
}

/** Forget everything, as before another cluster's snapshot. */
export function forget() {
  takeSnapshot({ cluster: null });
}

/** The tasks of each node: node's name → Map of tasks by key. */
export const tasksByNode = new Map();

tasks.listen((changed) => {
  for (const [key, old, row] of changed) {
    if (old && old.node_name !== row?.node_name) remove(old.node_name, key);
    if (row) {
      let own = tasksByNode.get(row.node_name);
      if (!own) tasksByNode.set(row.node_name, (own = new Map()));
      own.set(key, row);
    }
  }
});

function remove(node, key) {
  const own = tasksByNode.get(node);
  own?.delete(key);
  if (own?.size === 0) tasksByNode.delete(node);
}
