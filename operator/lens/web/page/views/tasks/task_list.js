// All tasks: filtered, sorted, searched, or added up by workload, namespace or node.
import { html, useEffect, useMemo } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { announce } from "../../core/announce.js";
import { count, counted } from "../../core/format.js";
import { heldState } from "../../cluster/gpu_states.js";
import { route, setParams } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { status, tasks } from "../../cluster/store.js";
import { CheckFilter, ChoiceFilter, Filters, TextFilter } from "../../lists/filters.js";
import { byName } from "../../lists/query.js";
import { usePolled } from "../../lists/polled.js";
import { Refused } from "../../parts/refusal.js";
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

export function TaskList({ namespace }) {
  const { sort = "-gpus", q = "", ns = namespace ?? "", node = "", workload = "", state = "", idle, by = "" } = route.value.params;
  // The stream has those that run.
  const asked = state ? { ...scope.value, state } : null;
  const { data, error } = usePolled(asked ? "realtime/running-tasks" : null, asked, EVERY_MS, status.value?.running_tasks);
  const all = state ? (data?.tasks ?? []) : running.value;
  const found = useMemo(
    () =>
      all.filter(
        (task) =>
          (!ns || task.namespace === ns) &&
          (!node || task.node_name === node) &&
          (!workload || task.workload_name === workload) &&
          (idle !== "1" || heldState(task.utilization) === "idle"),
      ),
    [all, ns, node, workload, idle],
  );
  const gpus = found.reduce((sum, task) => sum + task.allocated_gpus, 0);
  const said = `${counted(found.length, "task")}, ${counted(gpus, "GPU")}`;
  useEffect(() => announce(said), [ns, node, workload, state, idle]);
  return html`<section class="panel">
    <div class="panel-head"><h1>Tasks</h1><p class="muted"><span data-figure="total_tasks">${count(found.length)}</span> of ${count(all.length)}, with ${counted(gpus, "GPU")}${shared(found) && " (GPUs that tasks share count for each)"}</p></div>
    <${Filters} label="Filter the tasks">
      <${TextFilter} name="q" label="Search" placeholder="pod, namespace, workload, node" />
      <${ChoiceFilter} name="ns" label="Namespace" options=${names(all, "namespace", "all namespaces")} />
      <${ChoiceFilter} name="node" label="Node" options=${names(all, "node_name", "all nodes")} />
      <${ChoiceFilter} name="state" label="State" options=${STATES} />
      <${ChoiceFilter} name="by" label="Show" options=${GROUPS} />
      <${CheckFilter} name="idle" label="idle only" />
      ${workload && html`<button type="button" class="small" onClick=${() => setParams({ workload: null })}>workload ${workload} ✕</button>`}
    </${Filters}>
    ${error && html`<${Refused} error=${error} what="these tasks" />`}
    ${state && data === null && !error
      ? html`<p class="empty">Loading …</p>`
      : by
        ? html`<${GroupTable} tasks=${found} by=${by} sort=${sort} search=${q} />`
        : html`<${TaskTable} tasks=${found} sort=${sort} search=${q} onSort=${(next) => setParams({ sort: next })} caption="Tasks that hold GPUs" empty="No pod holds a GPU." />`}
  </section>`;
}

const shared = (found) => found.some((task) => task.units || task.fraction);

function names(all, field, any) {
  const found = new Map();
  for (const task of all) found.set(task[field], (found.get(task[field]) ?? 0) + 1);
  const sortedNames = [...found].sort(([a], [b]) => byName(a, b));
  return [["", any], ...sortedNames.map(([name, number]) => [name, `${name} (${number})`])];
}
