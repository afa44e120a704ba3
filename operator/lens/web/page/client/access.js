// What the caller may see, and so which parts of the page there are.
import { computed, signal } from "../core/html.js";
import { get } from "./api.js";

/** The data of `access`; null before it's known. */
export const access = signal(null);

/** The names of all clusters, the own one first; one name at least once access is known. */
export const clusterNames = computed(() => access.value?.clusters ?? (access.value ? [access.value.cluster] : []));

/** "all", "capacity" (the cluster without names of pods), "namespace" or "none"; null before it's known. */
export const level = computed(() => {
  const found = access.value;
  if (!found) return null;
  if (found.realtime) return "all";
  if (found.capacity || found.namespace?.capacity) return "capacity";
  return found.namespace?.tasks ? "namespace" : "none";
});

/** Which parts there are: can.value.tasks and so on. */
export const can = computed(() => {
  const found = access.value;
  const all = Boolean(found?.realtime);
  const capacity = all || Boolean(found?.capacity || found?.namespace?.capacity);
  const tasks = all || Boolean(found?.namespace?.tasks);
  return {
    status: capacity,
    nodes: capacity,
    clusters: all || Boolean(found?.capacity),
    fit: capacity || tasks,
    tasks,
    pending: tasks,
    alerts: all,
    events: all,
    node: all,
  };
});

/** The parameters of each request: the cluster, and the namespace where the caller has rights there only. */
export const scope = computed(() => {
  const found = access.value;
  if (!found) return null;
  const namespace = found.realtime ? null : (found.namespace?.name ?? null);
  return { cluster: found.cluster, ...(namespace === null ? {} : { namespace }) };
});

/** Ask what the caller may see of a cluster (null: this Lens' own) and of a namespace. Raises an ApiError. */
export async function loadAccess(cluster, namespace, options) {
  let found = await get("access", { cluster, namespace }, options);
  if (!found.realtime && !found.namespace) {
    const guess = namespace ?? found.namespaces?.[0] ?? serviceAccountNamespace(found.caller);
    if (guess) {
      const there = await get("access", { cluster, namespace: guess }, options);
      if (there.namespace?.tasks || there.namespace?.capacity) found = there;
    }
  }
  return found;
}

function serviceAccountNamespace(caller) {
  return /^system:serviceaccount:([^:]+):/.exec(caller ?? "")?.[1] ?? null;
}
