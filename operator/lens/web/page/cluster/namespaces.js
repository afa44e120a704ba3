// What each namespace holds and requests: the rows of `status`, or, for callers who may not read them, sums of their tasks.
import { can, level } from "../client/access.js";
import { get } from "../client/api.js";
import { present } from "../core/clock.js";
import { sampled } from "../core/sampled.js";
import { pending } from "./pending.js";
import { polled } from "./polled.js";
import { nodes, status, tasks } from "./store.js";
import { ORIGIN, heldGpus, namespaceGpus } from "./usage.js";

const listed = polled({
  may: () => level.value === "all",
  // The status is another object whenever its figures change.
  key: () => status.value,
  read: async (scope, options) => {
    const { namespaces: rows, gpu_states: states } = await get("realtime/status", { ...scope, include: "namespaces" }, options);
    return { rows, held: states.allocated + states.overcommitted };
  },
});

/** Keep them up to date while a component is shown: useEffect(keepNamespaces, []). */
export const keepNamespaces = listed.keep;

const summed = sampled(1000, [tasks.revision, nodes.revision, pending], () => {
  const waiting = new Map();
  const none = pending.value === null ? null : 0;
  for (const { namespace, requested_gpus: gpus } of pending.value ?? []) {
    const known = waiting.get(namespace) ?? { pods: 0, gpus: 0 };
    waiting.set(namespace, { pods: known.pods + 1, gpus: known.gpus + gpus });
  }
  const held = namespaceGpus();
  const all = heldGpus();
  const now = present() - ORIGIN;
  const rows = [...new Set([...held.keys(), ...waiting.keys()])].map((namespace) => {
    const own = held.get(namespace);
    return {
      namespace,
      allocated_gpus: own?.held ?? 0,
      idle_gpus: own?.idle ?? 0,
      utilization: own?.measured ? own.used / own.measured : null,
      idle_gpu_seconds: own ? (own.idle * now - own.idleSince) / 1000 : 0,
      pending_pods: waiting.get(namespace)?.pods ?? none,
      pending_gpus: waiting.get(namespace)?.gpus ?? none,
    };
  });
  return { rows, held: all.busy + all.idle + all.held };
});

/** { rows by the names of `status`, held: all GPUs that pods hold at that time }; null before they're known. */
export const namespaces = {
  get value() {
    return level.value === "all" ? listed.value.value : can.value.tasks ? summed.value : null;
  },
};
