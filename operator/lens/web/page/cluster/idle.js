// The latest time since which tasks are certainly idle: since this page observed it, or since their alert says.
import { present } from "../core/clock.js";
import { heldState } from "./gpu_states.js";
import { alerts, tasks } from "./store.js";

const seen = new Map();

tasks.listen((changed) => {
  const now = present();
  for (const [key, , row] of changed) {
    if (!row || heldState(row.utilization) !== "idle") seen.delete(key);
    else if (!seen.has(key)) seen.set(key, now);
  }
});

/** Times of alerts about idle pods by namespace and name. */
const alerted = new Map();

alerts.listen((changed) => {
  for (const [, old, row] of changed) {
    if (old?.type === "GpusIdle") alerted.delete(`${old.namespace}/${old.pod}`);
    if (row?.type === "GpusIdle") alerted.set(`${row.namespace}/${row.pod}`, Date.parse(row.timestamp));
  }
});

/** The time in ms since which a task is idle; null for one that isn't. */
export function idleSince(task) {
  const own = seen.get(tasks.keyOf(task));
  if (own === undefined) return null;
  return Math.min(own, alerted.get(`${task.namespace}/${task.pod_name}`) ?? own);
}
