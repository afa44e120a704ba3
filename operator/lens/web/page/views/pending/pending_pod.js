// One pod that waits: everything that bears on it.
import { html } from "../../core/html.js";
import { can, scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { count, counted, dateTime } from "../../core/format.js";
import { pending } from "../../cluster/pending.js";
import { alerts } from "../../cluster/store.js";
import { Elapsed } from "../../cells/elapsed.js";
import { Facts, Tags } from "../../cells/facts.js";
import { Marked } from "../../cells/marked.js";
import { NodeName, Pod, Workload } from "../../cells/names.js";
import { Copy } from "../../parts/copy.js";
import { Link } from "../../parts/link.js";
import { Table } from "../../parts/table.js";
import { asks } from "../../words/asks.js";
import { MOVES, readPending, sentence } from "../../words/pending.js";
import { unchecked } from "../../words/reasons.js";
import { AlertCards } from "../alerts/alert_cards.js";
import { ClaimTable } from "../tasks/claim_table.js";
import { PodEvents } from "../tasks/task_page.js";

const VERDICTS = { yes: ["good", "✓", "a node has room now"], no: ["bad", "✕", "no node has room"], unknown: ["wary", "?", "it isn't known"] };

export function PendingPod({ task }) {
  const reading = readPending(task);
  const own = alerts.rows().filter((alert) => alert.namespace === task.namespace && alert.pod === task.pod_name && alert.type !== "PodPending");
  return html`
    <section class="panel">
      <div class="panel-head">
        <h1 class="name">${task.pod_name}</h1><${Marked} kind="wary" glyph="…">waits for <${Elapsed} from=${task.created_at} /></${Marked}>
        <span class="more"><${Copy} of=${task.pod_name} ...${commands.pending(scope.value, task)} /></span>
      </div>
      <div class="callout">
        <p class="because">${reading.because}.</p>
        <p>Whose move: <strong>${MOVES[reading.move]}</strong>.${reading.help !== null && html` What helps: ${reading.help}.`}</p>
      </div>
      <${AlertCards} alerts=${own} here />
      <${Facts} items=${facts(task)} />
    </section>
    <${Reading} task=${task} />
    ${task.claims && html`<${ClaimTable} claims=${task.claims} namespace=${task.namespace} />`}
    <${Siblings} task=${task} />
    ${can.value.events && html`<${PodEvents} namespace=${task.namespace} name=${task.pod_name} />`}`;
}

const STATES = { gated: "held back: the scheduler ignores it", unschedulable: "the scheduler found no node that fits", waiting: "the scheduler has said nothing yet" };

function facts(task) {
  const omitted = (field) => (task.omitted?.[field] ? [`… and ${task.omitted[field]} more`] : []);
  const selector = Object.entries(task.node_selector).map(([key, value]) => `${key}=${value}`);
  return [
    ["Asks for", asks(task)],
    ["Namespace", html`<${Link} to=${["pending", { ns: task.namespace }]}>${task.namespace}</${Link}>`],
    ["Workload", html`<${Workload} of=${task} />`],
    ["State", STATES[task.state]],
    ["Priority", count(task.priority)],
    ["Created", dateTime(task.created_at)],
    ["Gates", task.scheduling_gates.length > 0 && html`<${Tags} texts=${[...task.scheduling_gates, ...omitted("scheduling_gates")]} />`],
    ["Node selector", selector.length > 0 && html`<${Tags} texts=${[...selector, ...omitted("node_selector")]} />`],
    ["Affinity", task.affinity && "it has rules of its own"],
    ["Tolerates", task.tolerations.length > 0 && html`<${Tags} texts=${[...task.tolerations, ...omitted("tolerations")]} />`],
    ["The scheduler said", task.message !== null && html`<q>${task.message}</q>`],
  ];
}

const COLUMNS = [
  { id: "nodes", title: "Nodes", value: (reason) => reason.nodes, numeric: true, figure: "nodes" },
  { id: "why", title: "What keeps it off", value: (reason) => reason.message, grow: true },
  { id: "asked", title: "Asked", value: (reason) => reason.asked, cell: (reason) => amount(reason, "asked"), numeric: true },
  { id: "most", title: "Most free", value: (reason) => reason.most_free, cell: (reason) => amount(reason, "most_free"), numeric: true },
  { id: "short", title: "Short by", value: (reason) => reason.short_by, cell: (reason) => amount(reason, "short_by"), numeric: true },
  { id: "where", title: "For example", value: (reason) => reason.node_names?.join(" "), cell: (reason) => (reason.node_names ?? []).map((name, at) => html`${at > 0 && ", "}<${NodeName} key=${name} name=${name} />`), hide: "narrow" },
];

/** CPU comes in thousandths, memory in bytes. */
function amount({ resource, ...reason }, field) {
  const value = reason[field];
  if (value === null || resource === null) return null;
  if (resource === "cpu") return count(value / 1000);
  return /^(memory|ephemeral-storage|hugepages-)/.test(resource) ? `${count(value / 2 ** 30)} GiB` : value;
}

/** What Lens works out now. */
function Reading({ task }) {
  const fit = task.fit;
  if (fit === null) return null;
  const [kind, glyph, words] = VERDICTS[fit.fits];
  return html`<section class="panel"><div class="panel-head"><h2>Would it fit now?</h2><${Marked} kind=${kind} glyph=${glyph}>${words}</${Marked}></div>
    ${fit.not_checked.length > 0 && html`<p class="muted">Lens doesn't check ${unchecked(fit.not_checked)}${fit.complete ? ", which can't change this" : ""}.</p>`}
    ${fit.reasons.length > 0
      ? html`<div class="wrapping"><${Table} caption="What keeps it off nodes" columns=${COLUMNS} rows=${fit.reasons} rowKey=${(reason) => `${reason.code} ${reason.resource ?? ""} ${reason.message}`} /></div>`
      : html`<p>${sentence(fit.reason)}.</p>`}
  </section>`;
}

const OTHERS = [
  { id: "pod", title: "Pod", value: (task) => task.pod_name, cell: (task) => html`<${Pod} namespace=${task.namespace} name=${task.pod_name} bare view="pending" />` },
  { id: "gpus", title: "GPUs", value: (task) => task.requested_gpus, numeric: true },
  { id: "state", title: "State", value: (task) => STATES[task.state], hide: "narrow" },
  { id: "since", title: "Waits", value: (task) => task.waiting_seconds, cell: (task) => html`<${Elapsed} from=${task.created_at} />`, numeric: true },
];

function Siblings({ task }) {
  const others = (pending.value ?? []).filter(
    (each) => each.namespace === task.namespace && each.workload_name === task.workload_name && each.workload_type === task.workload_type && each.pod_name !== task.pod_name,
  );
  if (!others.length) return null;
  return html`<section class="panel"><div class="panel-head"><h2>${counted(others.length, "other pod")} of ${task.workload_name} ${others.length === 1 ? "waits" : "wait"}</h2></div>
    <${Table} caption=${`Other pods of ${task.workload_name} that wait`} columns=${OTHERS} rows=${others} rowKey=${(each) => each.pod_uid}
      commands=${(each) => ({ of: each.pod_name, ...commands.pending(scope.value, each) })} /></section>`;
}
