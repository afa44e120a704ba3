// One node: its GPUs, who holds them, whether they're well, and what else is known of it.
import { html, useEffect, useMemo } from "../../core/html.js";
import { can, scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { counted, percent, product } from "../../core/format.js";
import { say } from "../../core/announce.js";
import { events, nodes, alerts, tasks, tasksByNode } from "../../cluster/store.js";
import { sampled } from "../../core/sampled.js";
import { Elapsed } from "../../cells/elapsed.js";
import { Facts, Tags } from "../../cells/facts.js";
import { Marked } from "../../cells/marked.js";
import { usePolled } from "../../lists/polled.js";
import { Copy } from "../../parts/copy.js";
import { Link } from "../../parts/link.js";
import { NotAllowed, Refused } from "../../cells/refusal.js";
import { isOnNode } from "../../words/objects.js";
import { whyNull } from "../../words/reasons.js";
import { AlertCards } from "../alerts/alert_cards.js";
import { EventTable } from "../events/event_table.js";
import { TaskTable } from "../tasks/task_table.js";
import { DeviceTable } from "./device_table.js";
import { GpuTable } from "./gpu_table.js";
import { NodeStatus } from "./node_list.js";
import { ReservationTable, ResourceTable } from "./resource_tables.js";

/** An agent samples every few seconds. */
const EVERY_MS = 5_000;
const MAX_EVENTS = 10;

export function NodePage({ name }) {
  const streamed = nodes.of(name).value;
  const path = can.value.node ? `realtime/nodes/${encodeURIComponent(name)}` : null;
  const { data, error } = usePolled(path, scope.value, EVERY_MS, streamed);
  const node = data?.node ?? streamed;
  if (error?.status === 404) return html`<${Gone} name=${name} />`;
  if (!node && !can.value.node) return html`<${NotAllowed} what="single nodes" />`;
  if (!node) return error ? html`<${Refused} error=${error} what=${`the node ${name}`} />` : html`<p class="boot">Loading …</p>`;
  return html`
    <section class="panel">
      <div class="panel-head">
        <h1 class="name">${name}</h1><${NodeStatus} node=${node} />
        <span class="more"><${Copy} of=${name} ...${commands.node(scope.value, name)} /></span>
      </div>
      <p class="lead">${lead(node)}</p>
      <${NodeAlerts} name=${name} />
      <${NodeFacts} node=${node} telemetry=${data?.telemetry} known=${data !== null} />
      ${error && html`<${Refused} error=${error} what=${`the GPUs of ${name}`} />`}
    </section>
    ${!can.value.node && html`<p class="hint beside">Who holds these GPUs, how each of them is, and what happened here takes the right to <code>get</code> <code>realtime.lens</code> in the whole cluster.</p>`}
    ${data && html`<${GpuTable} node=${node} gpus=${data.gpus} />`}
    ${can.value.tasks && html`<${NodeTasks} name=${name} />`}
    ${data && html`<${DeviceTable} gpus=${data.gpus} />`}
    <${ResourceTable} node=${node} />
    ${node.reservations && html`<${ReservationTable} reservations=${node.reservations} />`}
    ${can.value.events && html`<${NodeEvents} name=${name} />`}`;
}

function Gone({ name }) {
  return html`<section class="sheet" role="alert"><h1>There is no node “${name}” with GPUs</h1>
    <p>It may have been deleted. <${Link} to=${["events", { about: `Node/${name}` }]}>What happened to it</${Link}>, or <${Link} to=${["nodes"]}>all nodes</${Link}>.</p></section>`;
}

function lead(node) {
  const parts = [
    `${counted(node.total_gpus, "GPU")}${node.product === null ? "" : ` ${product(node.product)}`}`,
    `${node.allocated_gpus} held, ${node.available_gpus} free`,
    node.unavailable_gpus && `${node.unavailable_gpus} closed`,
    node.unhealthy_gpus && `${node.unhealthy_gpus} broken`,
    node.overcommitted_gpus && `${node.overcommitted_gpus} held beyond what it has`,
    node.held_without_pod && `${node.held_without_pod} held for no pod`,
    node.unknown_gpus && `${node.unknown_gpus} in an unknown state`,
    node.utilization !== null && `${percent(node.utilization)} used`,
  ];
  return parts.filter(Boolean).join(" · ");
}

function NodeFacts({ node, telemetry, known }) {
  return html`<${Facts} items=${[
    ["Takes GPU pods", node.schedulable ? "yes" : `no, ${closedBy(node)}`],
    ["Taints", node.taints.length > 0 && html`<${Tags} texts=${node.taints} />`],
    ["Telemetry", known && html`<${Telemetry} of=${telemetry} />`],
    ["The numbers of GPUs may be others", node.approximate && whyNull(node.approximate_reason)],
  ]} />`;
}

function closedBy(node) {
  if (node.unschedulable) return "it is cordoned";
  return { Missing: "it doesn't exist", NotReady: "it isn't ready" }[node.status] ?? "a taint keeps them off";
}

const SOURCES = { agent: "Lens' agent", dcgm: "dcgm-exporter", amd: "the AMD exporter" };

function Telemetry({ of }) {
  if (!of) return html`<${Marked} kind="plain" glyph="–">none: no agent or exporter runs here</${Marked}>`;
  const source = SOURCES[of.source] ?? of.source;
  const sampled = of.sampled_at && html`, measured <${Elapsed} from=${of.sampled_at} suffix=" ago" />`;
  if (of.state === "ok" && !of.problem) return html`<${Marked} kind="good" glyph="✓">${source}${sampled}</${Marked}>`;
  return html`<${Marked} kind="wary" glyph="!">${source}, ${of.state}${of.problem ? `: ${of.problem}` : ""}${sampled}</${Marked}>`;
}

function NodeAlerts({ name }) {
  const own = alerts.rows().filter((alert) => alert.node === name);
  useEffect(() => {
    if (own.length) say(`${counted(own.length, "alert")} for ${name}`);
  }, [own.length]);
  return html`<${AlertCards} alerts=${own} here />`;
}

function NodeTasks({ name }) {
  const rows = useMemo(() => sampled(1000, [tasks.revision], () => [...(tasksByNode.get(name)?.values() ?? [])]), [name]);
  const own = rows.value;
  return html`<section class="panel"><div class="panel-head"><h2>Tasks</h2>
      <span class="more"><${Link} to=${["tasks", { node: name, state: "all" }]}>with those that start or end</${Link}></span></div>
    <${TaskTable} tasks=${own} without=${["node"]} sort="pod" caption=${`Tasks that run on ${name}`} empty="No task runs here." /></section>`;
}

function NodeEvents({ name }) {
  const own = events.value.filter((event) => isOnNode(event, name));
  const shown = own.slice(0, MAX_EVENTS);
  return html`<section class="panel"><div class="panel-head"><h2>Events</h2>
      <span class="more"><${Link} to=${["events", { node: name }]}>all ${own.length}</${Link}></span></div>
    <${EventTable} events=${shown} caption=${`The latest events of ${name} and its pods`} /></section>`;
}
