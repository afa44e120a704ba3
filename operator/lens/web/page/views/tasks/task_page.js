// One task: what it holds, how well it uses it, and what happened to it.
import { html, useEffect, useMemo } from "../../core/html.js";
import { can, scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { bytes, counted, dateTime, percent } from "../../core/format.js";
import { keepPending, pending } from "../../cluster/pending.js";
import { sampled } from "../../core/sampled.js";
import { alerts, events, tasks } from "../../cluster/store.js";
import { Elapsed } from "../../cells/elapsed.js";
import { Facts } from "../../cells/facts.js";
import { Marked } from "../../cells/marked.js";
import { NodeName, Uuid, Workload } from "../../cells/names.js";
import { usePolled } from "../../lists/polled.js";
import { Copy } from "../../parts/copy.js";
import { Link } from "../../parts/link.js";
import { Refused } from "../../cells/refusal.js";
import { listed, whyNull } from "../../words/reasons.js";
import { AlertCards } from "../alerts/alert_cards.js";
import { EventTable } from "../events/event_table.js";
import { PendingPod } from "../pending/pending_pod.js";
import { ClaimTable } from "./claim_table.js";
import { TaskTable, taskState } from "./task_table.js";

const EVERY_MS = 10_000;
const MAX_EVENTS = 20;

/** The task, whatever it does: it runs (the stream has it), or it starts (the list has it), or it waits. */
export function TaskPage({ namespace, name }) {
  useEffect(keepPending, []);
  const streamed = useMemo(
    () => sampled(1000, [tasks.revision], () => [...tasks.map.values()].filter((task) => task.namespace === namespace)),
    [namespace],
  ).value;
  const runs = streamed.find((task) => task.pod_name === name);
  const asked = { ...scope.value, namespace, state: "all" };
  const { data, error } = usePolled(runs ? null : "realtime/running-tasks", asked, EVERY_MS);
  const task = runs ?? data?.tasks.find((each) => each.pod_name === name);
  const waits = pending.value?.find((each) => each.namespace === namespace && each.pod_name === name);
  if (!task && waits) return html`<${PendingPod} task=${waits} />`;
  if (!task && error) return html`<${Refused} error=${error} what=${`pods of ${namespace}`} />`;
  if (!task && data === null) return html`<p class="boot">Loading …</p>`;
  return html`
    ${task ? html`<${Task} task=${task} />` : html`<${Gone} namespace=${namespace} name=${name} />`}
    ${task?.claims && html`<${ClaimTable} claims=${task.claims} namespace=${namespace} />`}
    ${task && html`<${Siblings} task=${task} of=${streamed} />`}
    ${can.value.events && html`<${PodEvents} namespace=${namespace} name=${name} />`}`;
}

function Gone({ namespace, name }) {
  return html`<section class="sheet" role="status"><h1>${name} holds no GPU</h1>
    <p>The pod may have ended, or it asks for no GPUs. <${Link} to=${["tasks", { ns: namespace }]}>All tasks of ${namespace}</${Link}>.</p></section>`;
}

function Task({ task }) {
  const state = taskState(task);
  const own = alerts.rows().filter((alert) => alert.namespace === task.namespace && alert.pod === task.pod_name);
  return html`<section class="panel">
    <div class="panel-head">
      <h1 class="name">${task.pod_name}</h1><${Marked} kind=${state === "running" ? "good" : "wary"} glyph=${state === "running" ? "✓" : "…"}>${state}</${Marked}>
      <span class="more"><${Copy} of=${task.pod_name} ...${commands.task(scope.value, task)} /></span>
    </div>
    <p class="lead">${counted(task.allocated_gpus, "GPU")}${task.utilization === null ? "" : ` · ${percent(task.utilization)} used`}${task.memory_used_bytes === null ? "" : ` · ${bytes(task.memory_used_bytes)} of GPU memory`}${task.started_at !== null && html` · for <${Elapsed} from=${task.started_at} />`}</p>
    <${AlertCards} alerts=${own} here />
    <${Facts} items=${[
      ["Namespace", html`<${Link} to=${["tasks", { ns: task.namespace }]}>${task.namespace}</${Link}>`],
      ["Workload", html`<${Workload} of=${task} />`],
      ["Node", html`<${NodeName} name=${task.node_name} />`],
      ["Started", task.started_at !== null && dateTime(task.started_at)],
      ["Holds", asked(task)],
      ["Used", task.utilization === null && `unknown: ${whyNull(task.utilization_reason)}`],
      ["GPUs", task.gpu_uuids !== null && html`<span class="words">${task.gpu_uuids.map((uuid) => html`<${Uuid} key=${uuid} of=${uuid} /> `)}</span>`],
      ["Fraction", task.fraction && fraction(task.fraction)],
      ["Owner", task.owner !== null && task.owner !== task.workload_name && task.owner],
    ]} />
  </section>`;
}

const asked = (task) => Object.entries(task.resources).map(([resource, units]) => `${units} ${resource}`).join(", ") || null;

function fraction({ portion, memory_mib: memory, devices, gpu_groups: groups, reason }) {
  const part = portion === null ? `${memory} MiB` : String(portion);
  const wrong = { NO_RESERVATION: "; no reservation pod on its node holds them", MALFORMED: "; KAI-Scheduler refuses the annotation" }[reason] ?? "";
  return `${part} of each of ${counted(devices, "GPU")}${groups.length ? ` in ${listed(groups)}` : ""}${wrong}`;
}

function Siblings({ task, of }) {
  const others = of.filter((each) => each.workload_name === task.workload_name && each.workload_type === task.workload_type && each.pod_name !== task.pod_name);
  if (!others.length) return null;
  return html`<section class="panel"><div class="panel-head"><h2>Other pods of ${task.workload_name}</h2></div>
    <${TaskTable} tasks=${others} without=${["ns", "workload"]} sort="pod" caption=${`Other pods of ${task.workload_name}`} /></section>`;
}

/** What happened to a pod, as far as it's known. */
export function PodEvents({ namespace, name }) {
  const object = `Pod/${namespace}/${name}`;
  const own = events.value.filter((event) => event.object === object);
  return html`<section class="panel"><div class="panel-head"><h2>Events</h2>
      ${own.length > MAX_EVENTS && html`<span class="more"><${Link} to=${["events", { about: object }]}>all ${own.length}</${Link}></span>`}</div>
    <${EventTable} events=${own.slice(0, MAX_EVENTS)} without=${["object"]} caption=${`Events of ${name}`} /></section>`;
}
