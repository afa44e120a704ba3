// The figures of the first screen, each as the API has it.
import { computed } from "../core/html.js";
import { sampled } from "../core/sampled.js";
import { nodes, sections, status, tasks } from "./store.js";
import { heldGpus } from "./usage.js";

const split = sampled(1000, [tasks.revision, nodes.revision], heldGpus);

/** GPUs by state, and what else the first screen shows; null before it's known.
 *
 * For a caller who sees only one namespace's tasks, they are sums of these: other figures are null, and `total` is the held GPUs. */
export const summary = computed(() => {
  const data = status.value;
  if (data === null) return sections.value.has("tasks") ? ofTasks(split.value) : null;
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

function ofTasks(found) {
  const total = found.busy + found.idle + found.held;
  return { total, ...found, free: null, closed: null, broken: null, pending: null, utilization: null, largest: null };
}

/** busy + idle + held = allocated. */
function held(states, allocated, found) {
  if (states.busy !== undefined) return { busy: states.busy, idle: states.idle, held: states.unmeasured };
  const idle = Math.min(found.idle, allocated);
  const busy = Math.min(found.busy, allocated - idle);
  return { busy, idle, held: allocated - busy - idle };
}
