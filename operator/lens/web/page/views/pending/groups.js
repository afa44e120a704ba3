// Pods that wait for the same reason, together: a job of 64 pods is one row.
import { asks } from "../../words/asks.js";
import { readPending } from "../../words/pending.js";

/**
 * Groups of pods of one workload that ask for the same and wait for the same reason:
 * { key, first, pods, gpus (of all), waiting (seconds, the longest), because, move, help }; the longest waiting first.
 */
export function groupPending(rows) {
  const found = new Map();
  for (const task of rows) {
    const reading = readPending(task);
    const key = [task.namespace, task.workload_type, task.workload_name, asks(task), task.priority, reading.because].join("\n");
    const group = found.get(key);
    if (group) {
      group.pods.push(task);
      group.gpus += task.requested_gpus;
      if (task.waiting_seconds > group.waiting) [group.waiting, group.first] = [task.waiting_seconds, task];
    } else found.set(key, { key, first: task, pods: [task], gpus: task.requested_gpus, waiting: task.waiting_seconds, ...reading });
  }
  return [...found.values()].sort((a, b) => b.waiting - a.waiting);
}
