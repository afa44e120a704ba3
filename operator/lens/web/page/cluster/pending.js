// Pods that wait for GPUs.
import { can } from "../client/access.js";
import { get } from "../client/api.js";
import { polled } from "./polled.js";
import { status } from "./store.js";

const own = polled({
  may: () => can.value.pending,
  // What waits, and what it could get. Utilization says nothing of either.
  key: () => JSON.stringify([status.value?.pending, status.value?.available_resources, status.value?.gpu_states]),
  read: async (scope, options) =>
    (await get("realtime/pending-tasks", { ...scope, sort: "created_at" }, options)).tasks,
});

/** The rows of `pending-tasks`, those that have waited longest first; null before they're known. */
export const pending = own.value;

/** Why there are none, an ApiError; null if they're known. */
export const pendingError = own.error;

/** Keep them up to date while a component is shown: useEffect(keepPending, []). */
export const keepPending = own.keep;
