// What a pod that waits asks for, by a row of `pending-tasks`.

/** Why a claim isn't ready that tells what it asks for: without a number, for all that there are. */
const UNALLOCATED = ["NOT_ALLOCATED", "NO_DEVICE_CLASS"];

/** What a pod asks for: "8 nvidia.com/gpu", "8 of h200.nvidia.com", "half a GPU" by KAI's annotations. */
export function asks(task) {
  const parts = Object.entries(task.resources).map(([resource, units]) => `${units} ${resource}`);
  for (const claim of task.claims ?? []) {
    const classes = claim.reason === "NOT_ALLOCATED" && claim.waits_for.length ? ` of ${claim.waits_for.join(" or ")}` : " by a claim";
    parts.push(`${claim.gpus ?? (UNALLOCATED.includes(claim.reason) ? "all" : "GPUs")}${classes}`);
  }
  if (task.fraction) {
    const { portion, memory_mib: memory, devices } = task.fraction;
    // A malformed annotation leaves both null.
    const part = portion ?? (memory === null ? "a part" : `${memory} MiB`);
    parts.push(`${part} of ${devices === 1 ? "a GPU" : `${devices} GPUs`}`);
  }
  return parts.join(", ");
}
