// Pending pods, why they wait, who has to act, and what would help.
import { html, useMemo } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { count, counted } from "../../core/format.js";
import { route, setParams } from "../../core/router.js";
import { Elapsed } from "../../cells/elapsed.js";
import { Link } from "../../parts/link.js";
import { Table, arranged } from "../../parts/table.js";
import { ChoiceFilter, Filters, TextFilter } from "../../lists/filters.js";
import { usePart } from "../../lists/show_more.js";
import { MOVES } from "../../words/pending.js";
import { asks } from "../../words/asks.js";
import { groupPending } from "./groups.js";

const STATES = [
  ["", "any"],
  ["gated", "held back by a gate"],
  ["unschedulable", "tried, and no node fits"],
  ["waiting", "not tried yet"],
];

const COLUMNS = [
  { id: "workload", title: "Workload", value: ({ first }) => `${first.namespace}/${first.workload_name} ${first.workload_type}`, cell: (group) => html`<${Name} group=${group} />` },
  { id: "waiting", title: "Waits", value: (group) => group.waiting, cell: (group) => html`<${Elapsed} from=${group.first.created_at} />`, numeric: true },
  { id: "gpus", title: "GPUs", value: (group) => group.gpus, numeric: true, figure: "requested_gpus" },
  { id: "asks", title: "Asks for", value: (group) => `${group.pods.length} × ${asks(group.first)}`, cell: (group) => html`<${Asks} group=${group} />`, hide: "medium" },
  { id: "why", title: "Why, and what would help", value: (group) => `${group.because} ${group.help ?? ""}`, cell: (group) => html`<${Why} reading=${group} />`, grow: true },
  { id: "move", title: "Whose move", value: (group) => MOVES[group.move], hide: "medium" },
  { id: "priority", title: "Priority", value: (group) => group.first.priority, numeric: true, hide: "medium" },
];

export function PendingList({ rows, namespace }) {
  const { sort = "-waiting", q = "", ns = namespace ?? "", state = "", move = "" } = route.value.params;
  const chosen = useMemo(() => rows.filter((task) => (!ns || task.namespace === ns) && (!state || task.state === state)), [rows, ns, state]);
  const groups = useMemo(() => groupPending(chosen).filter((group) => !move || group.move === move), [chosen, move]);
  const shown = useMemo(() => arranged(groups, COLUMNS, { sort, search: q }), [groups, q, sort]);
  const [part, more] = usePart(shown, JSON.stringify([ns, state, move, q, sort]));
  const pods = groups.reduce((sum, group) => sum + group.pods.length, 0);
  const gpus = groups.reduce((sum, group) => sum + group.gpus, 0);
  return html`<section class="panel">
    <div class="panel-head"><h1>Pending</h1><p class="muted">${pods ? html`${counted(pods, "pod")} in ${counted(groups.length, "row")} ${pods === 1 ? "waits" : "wait"} for ${counted(gpus, "GPU")}${groups[0] && html`, the first for <${Elapsed} from=${groups[0].first.created_at} />`}` : "nothing waits"}</p></div>
    <${Filters} label="Filter what waits">
      <${TextFilter} name="q" label="Search" placeholder="workload, namespace, reason" />
      <${ChoiceFilter} name="ns" label="Namespace" options=${namespaces(rows)} />
      <${ChoiceFilter} name="state" label="State" options=${STATES} />
      <${ChoiceFilter} name="move" label="Whose move" options=${[["", "anybody's"], ...Object.entries(MOVES)]} />
    </${Filters}>
    <div class="wrapping"><${Table} stacked caption="Workloads that wait for GPUs" columns=${COLUMNS} rows=${part} rowKey=${(group) => group.key} sort=${sort}
      onSort=${(next) => setParams({ sort: next })} commands=${groupCommands} empty=${rows.length ? `None of ${count(rows.length)} pods matches.` : "Nothing waits for a GPU."} /></div>
    ${more}
  </section>`;
}

const groupCommands = ({ first }) => ({ of: first.workload_name, ...commands.pending(scope.value, first) });

function namespaces(rows) {
  const names = [...new Set(rows.map((task) => task.namespace))].sort();
  return [["", "all namespaces"], ...names.map((name) => [name, name])];
}

function Name({ group: { first, pods } }) {
  return html`<${Link} to=${["pending", first.namespace, first.pod_name]}>${first.workload_name}</${Link}>
    <span class="below">${first.namespace} · ${pods.length === 1 ? first.workload_type : `${pods.length} pods of a ${first.workload_type}`}</span>`;
}

function Asks({ group: { first, pods } }) {
  return html`${pods.length > 1 && `${count(pods.length)} × `}${asks(first)}`;
}

/** A reading: the reason, and below it who has to act and what would help. */
export function Why({ reading: { because, move, help } }) {
  return html`<span class="because">${because}.</span>
    <span class="below"><span class="only-medium">Whose move: ${MOVES[move]}. </span>${help !== null && html`What helps: ${help}.`}</span>`;
}
