// What DRA says of a node's GPUs: devices, and the ResourceClaims that hold them.
import { html } from "../../core/html.js";
import { counted } from "../../core/format.js";
import { curl } from "../../core/commands.js";
import { scope } from "../../client/access.js";
import { Elapsed } from "../../cells/elapsed.js";
import { Marked } from "../../cells/marked.js";
import { Pod } from "../../cells/names.js";
import { Table } from "../../parts/table.js";
import { kubectl, quoted } from "../../words/commands.js";
import { listed } from "../../words/reasons.js";
import { nameOf } from "./gpu_table.js";

const WITHOUT_POD = { UNRESERVED: "reserved for nobody", PODS_GONE: "its pods are gone" };

const COLUMNS = [
  { id: "gpu", title: "GPU", value: ({ gpu }) => gpu },
  { id: "device", title: "Device", value: ({ device }) => device.device, cell: ({ device }) => html`${device.device} <span class="muted">${device.profile ?? device.type ?? ""}</span>` },
  { id: "claim", title: "Claim", value: ({ claim }) => claim && `${claim.namespace}/${claim.resource_claim}`, cell: ({ claim }) => claim && html`<span class="muted">${claim.namespace}/</span>${claim.resource_claim}` },
  { id: "pods", title: "For", value: ({ claim }) => claim?.pods.join(" "), cell: ({ claim }) => claim && html`<${ClaimPods} claim=${claim} />` },
  { id: "request", title: "Request", value: ({ claim }) => claim?.request, hide: "medium" },
  { id: "since", title: "Since", value: ({ claim }) => claim?.allocated_at, cell: ({ claim }) => claim && html`<${Elapsed} from=${claim.allocated_at} />`, numeric: true, hide: "narrow" },
  { id: "place", title: "NVLink, NUMA", value: ({ device }) => place(device).join(" "), cell: ({ device }) => place(device).join(", ") || null, hide: "medium" },
  { id: "condition", title: "Condition", value: ({ device, claim }) => condition(device, claim)[1], cell: ({ device, claim }) => html`<${Condition} device=${device} claim=${claim} />`, grow: true },
];

export function DeviceTable({ gpus }) {
  const offered = gpus.filter((gpu) => gpu.dra);
  if (!offered.length) return null;
  const rows = gpus.flatMap((gpu, at) => (gpu.dra ? rowsOf(gpu, nameOf(gpu, at)) : []));
  const free = offered.reduce((sum, { dra }) => sum + dra.total_devices - dra.devices.length + dra.devices.filter(isPlain).length, 0);
  const left = [...new Set(offered.map(({ dra }) => dra.largest_partition_left).filter(Boolean))];
  return html`<section class="panel"><div class="panel-head"><h2>Devices and claims</h2>
      <p class="muted">${counted(free, "further device")} without a claim or taint${left.length > 0 && `; the largest partitions left: ${listed(left)}`}</p></div>
    <div class="wrapping"><${Table} stacked caption="DRA devices with claims or taints" columns=${COLUMNS} rows=${rows} rowKey=${(row) => row.key} commands=${deviceCommands} empty="No claim holds a device here." /></div></section>`;
}

/** Where a device is, as its driver says; absent or null in what an older Lens sends. */
function place({ nvlink_clique: clique, numa_node: numa }) {
  return [clique ?? null, numa === null || numa === undefined ? null : `NUMA ${numa}`].filter((each) => each !== null);
}

const isPlain = (device) => !device.claims.length && !device.taints.length;

function rowsOf({ dra }, gpu) {
  return dra.devices.filter((device) => !isPlain(device)).flatMap((device) => {
    const key = `${dra.driver}/${dra.pool}/${device.device}`;
    const row = { gpu, dra, device, claim: null, key };
    if (!device.claims.length) return [row];
    return device.claims.map((claim, at) => ({ ...row, claim, key: `${key}/${at}` }));
  });
}

function deviceCommands({ dra, device, claim }) {
  const name = `${device.device} of ${dra.pool}`;
  if (!claim) return { of: name, kubectl: `kubectl get resourceslices -o yaml --field-selector ${quoted(`spec.driver=${dra.driver}`)}` };
  return {
    of: name,
    curl: curl("realtime/running-tasks", { ...scope.value, namespace: claim.namespace, state: "all" }),
    kubectl: kubectl("ResourceClaim", claim.namespace, claim.resource_claim, "describe"),
  };
}

function ClaimPods({ claim }) {
  if (claim.without_pod) return html`<${Marked} kind="wary" glyph="!">no pod: ${WITHOUT_POD[claim.without_pod] ?? claim.without_pod}</${Marked}>`;
  const more = claim.total_pods - claim.pods.length;
  return html`${claim.pods.map((pod, at) => html`${at > 0 && ", "}<${Pod} key=${pod} namespace=${claim.namespace} name=${pod} />`)}${more > 0 && ` and ${more} more`}`;
}

/** The worst that is known of a device for a claim: [kind, glyph and words]. */
function condition(device, claim) {
  if (claim?.failed.length) return ["bad", `failed: ${listed(claim.failed)}`];
  if (claim?.health === "Unhealthy") return ["bad", "unhealthy"];
  if (device.taints.length) return ["wary", `tainted: ${listed(device.taints)}`];
  if (claim?.waits_for.length) return ["wary", `waits for ${listed(claim.waits_for)}`];
  const untrue = (claim?.conditions ?? []).filter(({ status }) => status !== "True");
  if (untrue.length) return ["wary", listed(untrue.map(({ type, status, reason }) => `${type} is ${status}${reason ? ` (${reason})` : ""}`))];
  const left = Object.entries(device.capacity_left).map(([name, value]) => `${name} left: ${value}`);
  if (claim?.health === "Healthy") return ["good", ["healthy", ...left].join(", ")];
  return ["plain", left.join(", ")];
}

const GLYPHS = { bad: "✕", wary: "!", good: "✓", plain: "" };

function Condition({ device, claim }) {
  const [kind, words] = condition(device, claim);
  return words ? html`<${Marked} kind=${kind} glyph=${GLYPHS[kind]}>${words}</${Marked}>` : null;
}
