// One bar of all GPUs by state, and its numbers.
import { html } from "../../core/html.js";
import { access, scope } from "../../client/access.js";
import { summary } from "../../cluster/figures.js";
import { states } from "../../cluster/state_names.js";
import { status } from "../../cluster/store.js";
import { curl } from "../../core/commands.js";
import { NONE, count, percent } from "../../core/format.js";
import { href } from "../../core/router.js";
import { CopyButton } from "../../parts/copy.js";
import { Figure } from "../../parts/figure.js";
import { tableShown, TableToggle } from "../../parts/picture.js";
import { Past, PastTable } from "./past.js";

/** Where each number comes from, and the rows that make it. */
const WHERE = {
  busy: ["gpu_states.busy", ["tasks"]],
  idle: ["gpu_states.idle", ["tasks", { idle: 1 }]],
  held: ["gpu_states.unmeasured", ["tasks"]],
  free: ["gpu_states.available", ["nodes", { free: 1 }]],
  closed: ["gpu_states.unavailable", ["nodes", { use: "closed" }]],
  broken: ["gpu_states.unhealthy", ["nodes", { use: "broken" }]],
};

export function StateBar() {
  const figures = summary.value;
  if (figures === null) return null;
  const isWhole = status.value !== null;
  const shown = states.value.filter(({ id }) => figures[id] !== null && isOfInterest(id, figures));
  return html`<section class="panel hero" aria-labelledby="all-gpus">
    <div class="hero-head">
      ${isWhole ? html`<${Whole} figures=${figures} data=${status.value} />` : html`<${Own} figures=${figures} />`}
    </div>
    ${
      tableShown("states").value
        ? html`<${StateTable} figures=${figures} states=${shown} /><${PastTable} states=${shown} />`
        : html`<${Bar} figures=${figures} states=${shown} />${figures.total > 0 && html`<${Past} states=${shown} />`}`
    }
    <dl class="legend">${shown.map((state) => html`<${Legend} key=${state.id} state=${state} figures=${figures} />`)}</dl>
    ${isWhole && html`<${Beyond} states=${status.value.gpu_states} />`}
  </section>`;
}

/** Whether a state is shown. That of unmeasured GPUs is if there are some, or if nothing is measured. */
function isOfInterest(id, figures) {
  return id !== "held" || figures.held > 0 || states.value[0].id === "held";
}

/** The head where the caller sees the cluster's figures. */
function Whole({ figures, data }) {
  return html`
    <h1 id="all-gpus">
      <a href=${href("nodes")}><${Figure} path="current_gpu_usage.total_gpus" value=${figures.total} /></a> GPUs
    </h1>
    <p class="hero-note"><${Rates} data=${data} /></p>
    <span class="more">
      <${CopyButton} kind="curl" of="status" text=${curl("realtime/status", scope.value)} />
      <${TableToggle} name="states" what="GPUs by state" />
    </span>`;
}

/** The head where they see one namespace's tasks alone. */
function Own({ figures }) {
  return html`
    <h1 id="all-gpus">
      <a href=${href("tasks")}><${Figure} path="tasks.allocated_gpus" value=${figures.total} /></a>${" "}
      GPUs held in ${access.value?.namespace?.name}
    </h1>
    <span class="more">
      <${CopyButton} kind="curl" of="the tasks" text=${curl("realtime/running-tasks", scope.value)} />
      <${TableToggle} name="states" what="GPUs by state" />
    </span>`;
}

function Rates({ data: { current_gpu_usage: usage, telemetry } }) {
  if (!usage.total_gpus) return "No node has GPUs yet.";
  const { utilization_rate: used, coverage } = telemetry;
  const allocated = usage.allocation_rate;
  return html`<a href=${href("tasks")}>
      <${Figure} path="current_gpu_usage.allocation_rate" value=${allocated} text=${percent(allocated, 1)} /> held</a>,${" "}
    ${used === null ? "utilization " : "used at "}
    <${Figure} path="telemetry.utilization_rate" value=${used} text=${percent(used, 1)} />
    ${used !== null && coverage < 1 && html` <span class="muted">(measured: ${percent(coverage * 100)} of GPUs)</span>`}`;
}

function Bar({ figures, states }) {
  const parts = states.filter(({ id }) => figures[id] > 0);
  const words = parts.map(({ id, name }) => `${count(figures[id])} ${name}`).join(", ") || "none";
  return html`<div class=${parts.length ? "state-bar" : "state-bar none"} role="img" aria-label=${`GPUs by state: ${words}`}>
    ${parts.map(({ id }) => html`<span key=${id} class=${`part ${id}`} style=${{ flexGrow: figures[id] }}></span>`)}
  </div>`;
}

function Legend({ state: { id, name, means }, figures }) {
  const [path, rows] = WHERE[id];
  return html`<div class="legend-item">
    <dt title=${means}><span class=${`swatch ${id}`} aria-hidden="true"></span>${name}</dt>
    <dd><a href=${href(...rows)}><${Figure} path=${path} value=${figures[id]} /></a></dd>
  </div>`;
}

function StateTable({ figures, states }) {
  return html`<table class="state-table">
    <caption class="visually-hidden">GPUs by state</caption>
    <thead><tr>
      <th scope="col">State</th>
      <th scope="col" class="numeric">GPUs</th>
      <th scope="col" class="numeric">Share</th>
      <th scope="col" class="hide-narrow">Meaning</th>
    </tr></thead>
    <tbody>
      ${states.map((state) => html`<${StateRow} key=${state.id} state=${state} figures=${figures} />`)}
      <tr><th scope="row">all</th><td class="numeric">${count(figures.total)}</td><td></td><td class="hide-narrow"></td></tr>
    </tbody>
  </table>`;
}

function StateRow({ state: { id, name, means }, figures }) {
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="numeric">${count(figures[id])}</td>
    <td class="numeric">${figures.total ? percent((100 * figures[id]) / figures.total, 1) : NONE}</td>
    <td class="hide-narrow wrap">${means}</td>
  </tr>`;
}

/** The GPUs in none of the states. */
function Beyond({ states: { overcommitted, unknown, missing_nodes: missing } }) {
  const where = missing > 0 ? ` (on ${count(missing)} missing ${missing === 1 ? "node" : "nodes"})` : "";
  const found = [
    overcommitted > 0 &&
      html`<${Figure} path="gpu_states.overcommitted" value=${overcommitted} /> more are held than nodes have${where}. `,
    unknown > 0 && html`<${Figure} path="gpu_states.unknown" value=${unknown} /> can't be counted.`,
    unknown === null && "Some can't be counted: ResourceSlices are missing or can't be read.",
  ].filter(Boolean);
  return found.length > 0 && html`<p class="beyond">${found}</p>`;
}
