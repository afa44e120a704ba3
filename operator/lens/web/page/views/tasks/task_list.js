// All tasks: filtered, sorted, searched, or added up by workload, namespace or node.
import { html, useEffect, useMemo } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { announce } from "../../core/announce.js";
import { count, counted } from "../../core/format.js";
import { heldState } from "../../cluster/gpu_states.js";
import { route, setParams } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { status, tasks } from "../../cluster/store.js";
import { CheckFilter, ChoiceFilter, Chosen, Filters, TextFilter } from "../../lists/filters.js";
import { byName } from "../../lists/query.js";
import { usePolled } from "../../lists/polled.js";
import { Refused } from "../../cells/refusal.js";
import { GroupTable } from "./group_table.js";
import { TaskTable } from "./task_table.js";

const EVERY_MS = 10_000;

const running = sampled(1000, [tasks.revision], () => [...tasks.map.values()]);

const STATES = [
  ["", "running"],
  ["starting", "starting"],
  ["terminating", "terminating"],
  ["all", "all that hold GPUs"],
];

const GROUPS = [
  ["", "one by one"],
  ["workload", "by workload"],
  ["namespace", "by namespace"],
  ["node", "by node"],
];

const namespaces = sampled(5000, [tasks.revision], () => [...new Set([...tasks.map.values()].map((task) => task.namespace))].sort(byName));

export function TaskList({ namespace }) {
  const { sort = "-gpus", q = "", ns = namespace ?? "", node = "", workload = "", state = "", idle, by = "" } = route.value.params;
  // The stream has those that run.
  const asked = state ? { ...scope.value, state } : null;
  const { data, error } = usePolled(asked ? "realtime/running-tasks" : null, asked, EVERY_MS, status.value?.running_tasks);
  const known = !state || data !== null;
  const all = state ? (data?.tasks ?? NONE) : running.value;
  const { found, gpus, shares } = useMemo(() => chosen(all, { ns, node, workload, idle: idle === "1" }), [all, ns, node, workload, idle]);
  useEffect(() => {
    if (known) announce(`${counted(found.length, "task")}, ${counted(gpus, "GPU")}`);
  }, [ns, node, workload, state, idle, known]);
  const names = namespaces.value.join("\n");
  const filters = useMemo(() => html`<${TaskFilters} namespaces=${names.split("\n")} />`, [names]);
  return html`<section class="panel">
    <div class="panel-head"><h1>Tasks</h1><p class="muted">${known ? html`<span data-figure="total_tasks">${count(found.length)}</span> of ${count(all.length)}, with ${counted(gpus, "GPU")}${shares && " (GPUs that tasks share count for each)"}` : "…"}</p></div>
    ${filters}
    ${error && html`<${Refused} error=${error} what="these tasks" />`}
    ${!known
      ? !error && html`<p class="empty">Loading …</p>`
      : by
        ? html`<${GroupTable} tasks=${found} by=${by} sort=${sort} search=${q} />`
        : html`<${TaskTable} tasks=${found} sort=${sort} search=${q} onSort=${(next) => setParams({ sort: next })} caption="Tasks that hold GPUs" empty="No pod holds a GPU." />`}
  </section>`;
}

const NONE = [];

/** The tasks that pass the filters, their GPUs, and whether some share GPUs. */
function chosen(all, { ns, node, workload, idle }) {
  const found = [];
  let gpus = 0;
  let shares = false;
  for (const task of all) {
    if ((ns && task.namespace !== ns) || (node && task.node_name !== node) || (workload && task.workload_name !== workload)) continue;
    if (idle && heldState(task.utilization) !== "idle") continue;
    found.push(task);
    gpus += task.allocated_gpus;
    shares ||= Boolean(task.units || task.fraction);
  }
  return { found, gpus, shares };
}

/** Made anew when the namespaces change, and not with each task. */
function TaskFilters({ namespaces: names }) {
  const { node, workload } = route.value.params;
  return html`<${Filters} label="Filter the tasks">
    <${TextFilter} name="q" label="Search" placeholder="pod, namespace, workload, node" />
    <${ChoiceFilter} name="ns" label="Namespace" options=${[["", "all namespaces"], ...names.filter(Boolean).map((name) => [name, name])]} />
    <${ChoiceFilter} name="state" label="State" options=${STATES} />
    <${ChoiceFilter} name="by" label="Show" options=${GROUPS} />
    <${CheckFilter} name="idle" label="idle only" />
    <${Chosen} name="node" text=${node && `on ${node}`} />
    <${Chosen} name="workload" text=${workload && `workload ${workload}`} />
  </${Filters}>`;
}
