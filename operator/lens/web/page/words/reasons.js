// Plain words for the codes that the API gives beside a null, and for what fit doesn't check.

const VALUES = {
  NO_TELEMETRY: "no agent or exporter measures this node",
  NOT_REPORTED: "the node's agent, exporter or driver doesn't report it",
  NOT_EXPORTED: "the exporter isn't configured to export it",
  NOT_SUPPORTED: "this GPU doesn't measure it",
  NOT_YET: "not measured yet",
  NO_DATA: "the driver has no value yet",
  TOO_OLD: "the last sample is too old",
  INVALID: "the reported value is impossible",
  SHARED: "pods share the GPU, and their parts can't be told apart",
  UNKNOWN_DEVICES: "it is unknown which GPUs these are",
  UNKNOWN_RATIO: "it is unknown how many units a GPU has",
  BOTH_WAYS: "a device plugin and DRA may offer the same GPUs",
  UNKNOWN_PRODUCT: "neither a node label nor telemetry names the product",
  OTHER_PRODUCTS: "all products beyond the 32 with the most GPUs",
  SEVERAL_PRODUCTS: "several products have as many",
  NONE_AVAILABLE: "no GPU is free",
  SLICE_GONE: "no ResourceSlice has the device any more",
  INCOMPLETE_POOLS: "ResourceSlices are missing or can't be read",
  NO_PERMISSION: "the agent may not read it",
  GPU_IS_LOST: "the GPU has fallen off the bus",
  RESET_REQUIRED: "the GPU must be reset first",
  TIMEOUT: "no answer in time",
  FORBIDDEN: "the access is missing",
  FAILED: "the answer can't be used",
};

const OWNERS = {
  UNREAD: "its owner is being read",
  FORBIDDEN: "Lens may not read its owner",
  GONE: "its owner doesn't exist any more",
  UNKNOWN_KIND: "the cluster doesn't serve its owner's kind",
  UNREACHABLE: "the apiserver didn't return its owner",
  UNREADABLE: "its owner is invalid",
  CYCLE: "its owners own each other",
  TOO_DEEP: "it has more than 16 owners above each other",
};

const UNCHECKED = {
  resource_claims: "what ResourceClaims would get",
  dynamic_resources: "what claims would get",
  device_selectors: "selectors in CEL that Lens can't evaluate",
  device_search: "devices that take too long to find",
  device_pools: "pools of devices whose slices contradict each other",
  device_bindings: "claims that wait for their devices",
  leftover_claim: "the claim of an attempt that failed",
  volumes: "volumes that bind it to a place",
  scheduler: "its own scheduler's rules",
  pod_groups: "pod groups that start together or not at all",
  queues: "its queue",
  exclusive_topology: "nodes of its own for each Job or group",
  pod_labels: "labels that only its controller knows",
  preemption: "evicting pods of a lower priority",
  pod_disruption_budgets: "PodDisruptionBudgets",
  node_choice: "another choice of nodes",
  replicas: "replicas that choose nodes by each other",
  time: "the rest, since it took too long",
  ray_submitter: "Ray's submitter pod",
  unreadable_objects: "objects that Lens couldn't read",
  namespaces: "the labels of namespaces",
  limitranges: "LimitRanges",
  resourcequotas: "ResourceQuotas",
  runtimeclasses: "RuntimeClasses",
  priorityclasses: "PriorityClasses",
  poddisruptionbudgets: "PodDisruptionBudgets",
  namespace: "its namespace's quotas, LimitRanges and pods",
};

/** Why a value is null, in words; a code without words of its own stays as it is. */
export const whyNull = (code) => (code ? (own(VALUES, code) ?? code) : "unknown");

/** Why the shown owner may not be the topmost one. */
export const whyOwner = (code) => own(OWNERS, code) ?? code;

/** What fit doesn't check, in words: "volumes that bind it to a place and its queue". */
export const unchecked = (codes) => listed(codes.map((code) => own(UNCHECKED, code) ?? code));

/** "a", "a and b", "a, b and c". */
export function listed(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

// A code is what the API sends: "constructor" has no words either.
function own(table, code) {
  return Object.hasOwn(table, code) ? table[code] : undefined;
}
