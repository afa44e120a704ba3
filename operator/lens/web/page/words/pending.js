// Why a pod waits, in one sentence, who has to act, and what would help, by a row of `pending-tasks`.
//
// The reason is one of the row's facts: scheduling gates, then claims that can't be had, then what fit says now. The
// scheduler's own message is as old as its last attempt, so the page shows it beside, and this doesn't read it.
import { listed, unchecked } from "./reasons.js";

/** Who has to act, and what the page calls it. */
export const MOVES = {
  owner: "the workload's owner",
  queue: "the queue",
  admin: "a cluster admin",
  gate: "the gate's controller",
  scheduler: "the scheduler",
  nobody: "nobody: it takes time",
};

/** Controllers by their gates. */
const QUEUES = [
  [/^kueue\.x-k8s\.io\//, "Kueue"],
  [/(^|\.)volcano\.sh\//, "Volcano"],
  [/^(kai\.scheduler|.*\.run\.ai)\//, "KAI-Scheduler"],
  [/^yunikorn\.apache\.org\//, "YuniKorn"],
];

/** The rules that keep pods off nodes, by fit's codes: words (# is "3 nodes"), who has to act, help. */
const RULES = {
  unschedulable: ["a cordon keeps it off #", "admin", "uncordon a node"],
  taint: ["# with a taint that it doesn't tolerate", "owner", "add a toleration, if these nodes are meant for it"],
  node_selector: ["its node selector or affinity leaves out #", "owner", "compare the selector with the nodes' labels"],
  node_name: ["it names another node than #", "owner", "remove spec.nodeName"],
  host_port: ["its host port is taken on #", "owner", "use another host port, or none"],
  pods: ["# with as many pods as they may have", "admin", "remove pods, or raise the kubelet's maxPods"],
  pod_affinity: ["its pod affinity leaves out #", "owner", "loosen the affinity"],
  pod_anti_affinity: ["its pod anti-affinity leaves out #", "owner", "loosen the anti-affinity"],
  existing_anti_affinity: ["the anti-affinity of pods on # keeps it off", "owner", "change its labels, or those pods' rules"],
  topology_label: ["# without the label that its topology spread names", "owner", "compare topologyKey with the nodes' labels"],
  topology_spread: ["its topology spread constraints leave out #", "owner", "raise maxSkew, or choose ScheduleAnyway"],
  claim_elsewhere: ["its claim has its devices elsewhere than on #", "owner", "let it go there, or name another claim"],
  invalid_pools: ["# with an invalid pool of devices", "admin", "read the log of the devices' driver"],
  declared_features: ["# whose kubelet lacks a feature that it needs", "admin", "upgrade the nodes"],
  admission: ["the apiserver would refuse it as it is", "owner", "read the message and change the pod"],
  quota: ["a ResourceQuota is used up", "admin", "raise the quota, or end something in the namespace"],
};

const UNREAD = {
  TOO_MANY_SHAPES: "Too many different pods wait for Lens to work out each one",
  OUT_OF_TIME: "Lens is still working it out",
  UNREADABLE: "Something in the pod can't be read",
};

/** Claims that no free GPU helps, by the API's reason. */
const CLAIMS = {
  NOT_CREATED: ["has no ResourceClaim made of its template yet", "nobody", "the controller makes it within seconds; else read its log"],
  NOT_FOUND: ["names a ResourceClaim that doesn't exist", "owner", "create the claim, or correct the name"],
  NO_DEVICE_CLASS: ["asks for a DeviceClass that doesn't exist", "owner", "correct the class, or have an admin create it"],
  TERMINATING: ["names a ResourceClaim that is being deleted", "owner", "wait until it is gone, and create it anew"],
  BINDING_FAILED: ["has a device that failed to be prepared", "admin", "read the driver's log"],
};

/** Return `{because, move, help}`: a sentence, a key of MOVES, and what would help (or null). */
export function readPending(task) {
  if (task.terminating) return said("It is being deleted", "nobody", null);
  if (task.scheduling_gates.length) return gated(task.scheduling_gates);
  const claim = (task.claims ?? []).find((each) => Object.hasOwn(CLAIMS, each.reason));
  if (claim) return claimed(claim);
  if (task.fit === null) {
    return said(UNREAD[task.fit_reason] ?? "Whether it fits isn't known", "scheduler", "the scheduler's own message says what it found");
  }
  if (task.fit.fits === "no") return short(task);
  return roomy(task);
}

function said(because, move, help) {
  return { because, move, help };
}

function gated(gates) {
  const queue = QUEUES.find(([pattern]) => gates.some((gate) => pattern.test(gate)));
  if (queue) {
    return said(`${queue[1]} holds it back until its queue admits it; free GPUs alone don't start it`, "queue", `ask ${queue[1]} for its place and its quota`);
  }
  return said(`It waits for ${gates.length === 1 ? "the scheduling gate" : "scheduling gates"} ${listed(gates)}`, "gate", "the controller that set the gate removes it");
}

function claimed(claim) {
  const [words, move, help] = CLAIMS[claim.reason];
  const what = claim.waits_for.length ? `: ${listed(claim.waits_for)}` : "";
  return said(`It ${words}${what}`, move, help);
}

/** There is room, as far as Lens checks. */
function roomy(task) {
  const { fits, not_checked: missing } = task.fit;
  const claim = (task.claims ?? []).find((each) => each.reason === "NOT_ALLOCATED");
  if (fits === "unknown" && claim && task.state === "unschedulable") return unallocated(claim);
  const device = (task.claims ?? []).find((each) => each.reason === "BINDING_CONDITIONS");
  if (device) return said(`Its device isn't ready: it waits for ${listed(device.waits_for)}`, "nobody", "the device's driver sets the conditions");
  if (fits === "yes") {
    return said("There is room for it now: the scheduler takes it at its next attempt", "scheduler", "if it stays here, the scheduler's own message says why");
  }
  return said(`There is room for it, but Lens doesn't check ${unchecked(missing)}`, "scheduler", "the scheduler's own message says what it found");
}

/** No node has the devices, as fit or the scheduler has found. */
function unallocated(claim) {
  const classes = listed(claim.waits_for) || "its device classes";
  const what = claim.gpus === null ? `all devices of ${classes}` : `${claim.gpus} of ${classes}`;
  return said(`No node has the devices that its claim asks for: ${what} on one node`, "nobody", "wait until enough are free on one node, or ask for fewer");
}

/** Nothing has room: the reason that is nearest to being solved, and how many others there are. */
function short(task) {
  const reason = nearest(task.fit.reasons);
  if (!reason) return said(sentence(task.fit.reason), "owner", null);
  const claim = reason.code === "claims" && (task.claims ?? []).find((each) => each.reason === "NOT_ALLOCATED");
  if (claim) return unallocated(claim);
  const others = task.fit.reasons.length - 1;
  const more = others ? ` (and ${others === 1 ? "one more reason" : `${others} more reasons`} on other nodes)` : "";
  if (reason.resource !== null && reason.asked !== null && reason.most_free !== null) return shortage(task, reason, more);
  const rule = Object.hasOwn(RULES, reason.code) ? RULES[reason.code] : null;
  const nodes = reason.nodes === 1 ? "1 node" : `${reason.nodes} nodes`;
  if (!rule) return said(`${nodes}: ${reason.message}${more}`, "owner", null);
  return said(`${sentence(rule[0].replace("#", nodes))}${more}`, rule[1], rule[2]);
}

function shortage(task, reason, more) {
  const [asked, free, lacking] = [reason.asked, reason.most_free, reason.short_by ?? reason.asked - reason.most_free].map((amount) => quantity(reason.resource, amount));
  const where = reason.node_names?.length ? `, on ${reason.node_names[0]}` : "";
  const most = reason.most_free > 0 ? `the most that is free is ${free}${where}` : "none is free on any";
  const because = `It asks for ${asked} ${reason.resource} on one node; ${most}${more}`;
  if (!isGpu(task, reason.resource)) return said(because, "owner", `ask for ${free} or less, or wait until a node has ${lacking} more`);
  const less = reason.most_free > 0 ? `, or ask for ${free} a pod` : "";
  const are = lacking === "1" ? "is" : "are";
  return said(because, "nobody", `wait until ${lacking} more ${are} free ${reason.most_free > 0 ? "there" : "on one node"}${less}`);
}

/** Short of a resource before a broken rule, least short first; of rules the one that keeps most nodes off. */
function nearest(reasons) {
  const rank = (reason) => (reason.resource !== null && reason.asked !== null ? 0 : 1);
  const lack = (reason) => (reason.asked ? (reason.asked - (reason.most_free ?? 0)) / reason.asked : 0);
  return [...reasons].sort((a, b) => rank(a) - rank(b) || lack(a) - lack(b) || b.nodes - a.nodes)[0];
}

const isGpu = (task, resource) => Object.hasOwn(task.resources, resource);

/** CPU comes in thousandths, memory in bytes, all else in ones. */
function quantity(resource, amount) {
  if (resource === "cpu") return String(amount / 1000);
  if (/^(memory|ephemeral-storage|hugepages-)/.test(resource)) return `${Number((amount / 2 ** 30).toPrecision(4))} GiB`;
  return String(amount);
}

/** With a capital. */
export const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);
