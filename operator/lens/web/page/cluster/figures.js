// The figures of the first screen, each as the API has it.
import { computed } from "../core/html.js";
import { heldState } from "./gpu_states.js";
import { sampled } from "../core/sampled.js";
import { status, tasks } from "./store.js";

/** Of what tasks hold: GPUs by what they do. A GPU that tasks share counts for each of them, so this is a split of `allocated`, no figure. */
const split = sampled(1000, [tasks.revision], () => {
  const found = { busy: 0, idle: 0, held: 0 };
  for (const task of tasks.map.values()) found[heldState(task.utilization)] += task.allocated_gpus;
  return found;
});

/** GPUs by state, and what else the first screen shows; null before it's known. */
export const summary = computed(() => {
  const data = status.value;
  if (data === null) return null;
  const { allocated, available, unavailable, unhealthy } = data.gpu_states;
  return {
    total: data.current_gpu_usage.total_gpus,
    ...held(data.gpu_states, allocated, split.value),
    free: available,
    closed: unavailable,
    broken: unhealthy,
    pending: data.pending.gpus,
    utilization: data.telemetry.utilization_rate,
    largest: data.available_resources.max_contiguous_gpu,
  };
});

/** busy + idle + held = allocated. */
function held(states, allocated, found) {
  if (states.busy !== undefined) return { busy: states.busy, idle: states.idle, held: states.unmeasured };
  const idle = Math.min(found.idle, allocated);
  const busy = Math.min(found.busy, allocated - idle);
  return { busy, idle, held: allocated - busy - idle };
}
