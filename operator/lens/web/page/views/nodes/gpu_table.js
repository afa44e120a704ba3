// The GPUs of a node: state, health, holders, measured values, and MIG instances.
import { html } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { NONE, bytes, count, counted } from "../../core/format.js";
import { heldState } from "../../cluster/gpu_states.js";
import { Bar } from "../../cells/bar.js";
import { GpuState, Health } from "../../cells/marked.js";
import { Pod, Uuid, shortUuid } from "../../cells/names.js";
import { Table } from "../../parts/table.js";
import { kubectl } from "../../words/commands.js";
import { whyNull } from "../../words/reasons.js";

const STATES = { unhealthy: "broken", unavailable: "closed", available: "free" };

/** A GPU's state as cluster/gpu_states.js has it. */
export function stateOf(gpu) {
  return gpu.state === "allocated" ? heldState(gpu.utilization) : (STATES[gpu.state] ?? gpu.state);
}

/** A GPU's name on its node: the driver's index, or what DRA calls it, or its UUID. */
export function nameOf(gpu, at) {
  if (gpu.index !== null) return String(gpu.index);
  return gpu.dra?.name ?? (gpu.uuid ? shortUuid(gpu.uuid) : `#${at + 1}`);
}

/** The pods that hold a GPU, each once: [{ namespace, pod, container }]; those of claims where no container says so. */
export function holdersOf(gpu) {
  const own = new Map();
  for (const { namespace, pod, container } of gpu.holders) own.set(`${namespace}/${pod}`, { namespace, pod, container });
  for (const { namespace, pods } of claimsOf(gpu)) {
    for (const pod of pods) if (!own.has(`${namespace}/${pod}`)) own.set(`${namespace}/${pod}`, { namespace, pod, container: null });
  }
  return [...own.values()];
}

const claimsOf = (gpu) => (gpu.dra?.devices ?? []).flatMap((device) => device.claims);

const measured = (field, show) => ({
  value: (gpu) => gpu[field],
  cell: (gpu) => (gpu[field] === null ? html`<span class="unknown" title=${whyNull(gpu.reasons[field])}>${NONE}</span>` : show(gpu[field])),
  numeric: true,
  figure: field,
});

const COLUMNS = [
  { id: "gpu", title: "GPU", value: (gpu) => gpu.name },
  { id: "state", title: "State", value: stateOf, cell: (gpu) => html`<${GpuState} id=${stateOf(gpu)} />` },
  { id: "health", title: "Health", value: (gpu) => gpu.health, cell: (gpu) => html`<${HealthCell} gpu=${gpu} />`, wrap: true },
  { id: "holders", title: "Held by", value: (gpu) => holdersOf(gpu).map(({ namespace, pod }) => `${namespace}/${pod}`).join(" "), cell: (gpu) => html`<${Holders} gpu=${gpu} />`, grow: true },
  { id: "used", title: "Used", value: (gpu) => gpu.utilization, cell: (gpu) => html`<${Bar} value=${gpu.utilization} why=${whyNull(gpu.reasons.utilization)} figure="utilization" />`, numeric: true },
  { id: "memory", title: "Memory", value: (gpu) => gpu.memory_used_bytes, cell: (gpu) => html`<${Memory} of=${gpu} reasons=${gpu.reasons} />`, numeric: true, hide: "narrow" },
  { id: "temperature", title: "Heat", ...measured("temperature_celsius", (value) => `${count(value)} °C`), hide: "narrow" },
  { id: "power", title: "Power", ...measured("power_watts", (value) => `${Math.round(value)} W`), hide: "narrow" },
  { id: "uuid", title: "UUID", value: (gpu) => gpu.uuid, cell: (gpu) => (gpu.uuid === null ? html`<span class="unknown" title=${whyNull(gpu.reasons.uuid)}>${NONE}</span>` : html`<${Uuid} of=${gpu.uuid} />`), hide: "medium" },
];

export function GpuTable({ node, gpus }) {
  const rows = gpus.map((gpu, at) => ({ ...gpu, name: nameOf(gpu, at), key: gpu.uuid ?? `${gpu.source}/${nameOf(gpu, at)}/${at}` }));
  const silent = node.total_gpus - gpus.length;
  return html`<section class="panel"><div class="panel-head"><h2>GPUs</h2>
      ${silent > 0 && html`<p class="muted">${gpus.length ? `${counted(silent, "further GPU")} of this node ${silent === 1 ? "is" : "are"} reported by nothing: only held GPUs are known without an agent or exporter` : "Nothing reports this node's GPUs one by one: no agent or exporter runs here"}</p>`}</div>
    <div class="wrapping"><${Table} stacked caption=${`GPUs of ${node.node_name}`} columns=${COLUMNS} rows=${rows} rowKey=${(gpu) => gpu.key}
      commands=${(gpu) => ({ of: `GPU ${gpu.name}`, ...gpuCommands(node, gpu) })} empty="No GPU is reported." /></div>
    <${Instances} gpus=${rows} /></section>`;
}

/** The row by curl, and its holders by kubectl. */
function gpuCommands(node, gpu) {
  const { curl, kubectl: describe } = commands.node(scope.value, node.node_name);
  const holder = holdersOf(gpu)[0];
  return { curl, kubectl: holder ? kubectl("Pod", holder.namespace, holder.pod) : describe };
}

function HealthCell({ gpu }) {
  const action = gpu.recovery_action !== null && gpu.recovery_action !== "NONE" ? [`needs ${gpu.recovery_action}`] : [];
  return html`<${Health} of=${gpu.health} because=${[...gpu.health_because, ...action]} />`;
}

const MAX_HOLDERS = 3;

function Holders({ gpu }) {
  const pods = holdersOf(gpu);
  const orphans = claimsOf(gpu).filter((claim) => claim.without_pod);
  const whole = [...pods.map(({ namespace, pod }) => `${namespace}/${pod}`), ...orphans.map((claim) => `claim ${claim.namespace}/${claim.resource_claim}, no pod`)].join(", ");
  if (!pods.length && !orphans.length) return gpu.state === "allocated" ? html`<span class="unknown">a pod that isn't named</span>` : null;
  return html`<span title=${whole}>
    ${pods.slice(0, MAX_HOLDERS).map(({ namespace, pod }, at) => html`${at > 0 && ", "}<${Pod} key=${`${namespace}/${pod}`} namespace=${namespace} name=${pod} />`)}
    ${pods.length > MAX_HOLDERS && ` and ${pods.length - MAX_HOLDERS} more`}
    ${orphans.map((claim) => html`<span key=${claim.resource_claim} class="wary">claim ${claim.namespace}/${claim.resource_claim}, for no pod</span>`)}
  </span>`;
}

export function Memory({ of, reasons = {} }) {
  const { memory_used_bytes: used, memory_total_bytes: total } = of;
  if (used === null && total === null) return html`<span class="unknown" title=${whyNull(reasons.memory_used_bytes)}>${NONE}</span>`;
  return html`<span title=${used === null ? whyNull(reasons.memory_used_bytes) : undefined}>${bytes(used)}<span class="muted"> / ${bytes(total)}</span></span>`;
}

const INSTANCE_COLUMNS = [
  { id: "gpu", title: "GPU", value: ({ gpu }) => gpu.name },
  { id: "profile", title: "Profile", value: ({ instance }) => instance.profile },
  { id: "holders", title: "Held by", value: ({ holders }) => holders.length, cell: ({ holders }) => holders.map(({ namespace, pod }) => html`<${Pod} key=${`${namespace}/${pod}`} namespace=${namespace} name=${pod} /> `), grow: true },
  { id: "used", title: "Used", value: ({ instance }) => instance.utilization, cell: ({ instance }) => html`<${Bar} value=${instance.utilization} why="not measured" />`, numeric: true },
  { id: "memory", title: "Memory", value: ({ instance }) => instance.memory_used_bytes, cell: ({ instance }) => html`<${Memory} of=${instance} />`, numeric: true, hide: "narrow" },
  { id: "uuid", title: "UUID", value: ({ instance }) => instance.uuid, cell: ({ instance }) => instance.uuid && html`<${Uuid} of=${instance.uuid} />`, hide: "medium" },
];

function Instances({ gpus }) {
  const rows = gpus.flatMap((gpu) =>
    gpu.instances.map((instance, at) => ({
      gpu,
      instance,
      key: instance.uuid ?? `${gpu.key}/${at}`,
      holders: gpu.holders.filter((holder) => instance.uuid !== null && holder.instance_uuid === instance.uuid),
    })),
  );
  if (!rows.length) return null;
  return html`<h3>MIG instances</h3><${Table} caption="MIG instances" columns=${INSTANCE_COLUMNS} rows=${rows} rowKey=${(row) => row.key} />`;
}
