// Since when tasks are idle: as long as this page has seen it, or as long as the alert about it says.
import { IDLE_PERCENT } from "./gpu_states.js";
import { alerts, tasks } from "./store.js";

const since = new Map();

tasks.listen((changed) => {
  const now = Date.now();
  for (const [key, , row] of changed) {
    const idle = row && row.utilization !== null && row.utilization <= IDLE_PERCENT;
    if (!idle) since.delete(key);
    else if (!since.has(key)) since.set(key, now);
  }
});

/** Alerts about idle pods by namespace and name: since when. */
const alerted = new Map();

alerts.listen((changed) => {
  for (const [, old, row] of changed) {
    if (old?.type === "GpusIdle") alerted.delete(`${old.namespace}/${old.pod}`);
    if (row?.type === "GpusIdle") alerted.set(`${row.namespace}/${row.pod}`, Date.parse(row.timestamp));
  }
});

/** Seconds since which a task is idle at the least; 0 for one that isn't. */
export function idleSeconds(task, now) {
  const seen = since.get(tasks.keyOf(task));
  if (seen === undefined) return 0;
  const told = alerted.get(`${task.namespace}/${task.pod_name}`) ?? seen;
  return Math.max(0, now - Math.min(seen, told)) / 1000;
}
