// One bar of all GPUs by state, its numbers, and how it came to this.
import { html } from "../../core/html.js";
import { access, scope } from "../../client/access.js";
import { curl } from "../../core/commands.js";
import { summary } from "../../cluster/figures.js";
import { NONE, count, duration, percent } from "../../core/format.js";
import { STATES } from "../../cluster/gpu_states.js";
import { states } from "../../cluster/state_names.js";
import { historyRevision, ring } from "../../cluster/history.js";
import { href } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { status } from "../../cluster/store.js";
import { CopyButton } from "../../parts/copy.js";
import { Figure } from "../../parts/figure.js";
import { tableShown, TableToggle } from "../../parts/picture.js";
import { Trend } from "../../parts/trend.js";

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
  const whole = status.value !== null;
  const shown = states.value.filter(
    ({ id }) => figures[id] !== null && (id !== "held" || figures.held > 0 || states.value[0].id === "held"),
  );
  return html`<section class="panel hero" aria-labelledby="all-gpus">
    <div class="hero-head">
      <h1 id="all-gpus"><a href=${whole ? href("nodes") : href("tasks")}><${Figure} path=${whole ? "current_gpu_usage.total_gpus" : "tasks.allocated_gpus"} value=${figures.total} /></a>${" "}
        ${whole ? "GPUs" : html`GPUs held in ${access.value?.namespace?.name}`}</h1>
      <p class="hero-note">${whole ? html`<${Rates} data=${status.value} />` : ""}</p>
      <span class="more"><${CopyButton} kind="curl" of="status" text=${whole ? curl("realtime/status", scope.value) : curl("realtime/running-tasks", scope.value)} /><${TableToggle} name="states" what="GPUs by state" /></span>
    </div>
    ${tableShown("states").value ? html`<${StateTable} figures=${figures} states=${shown} />` : html`<${Bar} figures=${figures} states=${shown} /><${Past} states=${shown} />`}
    <dl class="legend">${shown.map(
      ({ id, name, means }) => html`<div key=${id} class="legend-item">
        <dt title=${means}><span class=${`swatch ${id}`} aria-hidden="true"></span>${name}</dt>
        <dd><a href=${href(...WHERE[id][1])}><${Figure} path=${WHERE[id][0]} value=${figures[id]} /></a></dd>
      </div>`,
    )}</dl>
    ${whole && html`<${Beyond} states=${status.value.gpu_states} />`}
  </section>`;
}

function Rates({ data: { current_gpu_usage: usage, telemetry } }) {
  if (!usage.total_gpus) return "No node has GPUs yet.";
  return html`<a href=${href("tasks")}><${Figure} path="current_gpu_usage.allocation_rate" value=${usage.allocation_rate} text=${percent(usage.allocation_rate, 1)} /> held</a>, used at${" "}
    <${Figure} path="telemetry.utilization_rate" value=${telemetry.utilization_rate} text=${percent(telemetry.utilization_rate, 1)} />
    ${telemetry.utilization_rate !== null && telemetry.coverage < 1 && html` <span class="muted">(measured: ${percent(telemetry.coverage * 100)} of GPUs)</span>`}`;
}

/** What is in none of the states. */
function Beyond({ states: { overcommitted, unknown, missing_nodes: missing } }) {
  const found = [
    overcommitted > 0 &&
      html`<${Figure} path="gpu_states.overcommitted" value=${overcommitted} /> more are held than nodes have${missing > 0 ? ` (on ${count(missing)} missing ${missing === 1 ? "node" : "nodes"})` : ""}.`,
    unknown > 0 && html`<${Figure} path="gpu_states.unknown" value=${unknown} /> can't be counted.`,
    unknown === null && "Some can't be counted: ResourceSlices are missing or can't be read.",
  ].filter(Boolean);
  return (
    found.length > 0 && html`<p class="beyond">${found.map((each, i) => html`<span key=${i}>${each} </span>`)}</p>`
  );
}

function Bar({ figures, states }) {
  const parts = states.filter(({ id }) => figures[id] > 0);
  return html`<div class=${parts.length ? "state-bar" : "state-bar none"} role="img" aria-label=${`GPUs by state: ${parts.map(({ id, name }) => `${count(figures[id])} ${name}`).join(", ") || "none"}`}>
    ${parts.map(({ id }) => html`<span key=${id} class=${`part ${id}`} style=${{ flexGrow: figures[id] }}></span>`)}
  </div>`;
}

function StateTable({ figures, states }) {
  return html`<table class="state-table"><caption class="visually-hidden">GPUs by state</caption>
    <thead><tr><th scope="col">State</th><th scope="col" class="numeric">GPUs</th><th scope="col" class="numeric">Share</th><th scope="col" class="hide-narrow">Meaning</th></tr></thead>
    <tbody>${states.map(
      ({
        id,
        name,
        means,
      }) => html`<tr key=${id}><th scope="row">${name}</th><td class="numeric">${count(figures[id])}</td>
      <td class="numeric">${figures.total ? percent((100 * figures[id]) / figures.total, 1) : NONE}</td><td class="hide-narrow wrap">${means}</td></tr>`,
    )}
      <tr><th scope="row">all</th><td class="numeric">${count(figures.total)}</td><td></td><td class="hide-narrow"></td></tr></tbody>
  </table>`;
}

const HOUR = 3600;
const QUARTER = 900;
const POINTS = 240;

/** The states over the last hour that this tab has seen. */
const past = sampled(2000, [historyRevision], () => {
  // By the second while that's all there is, as the ring has it for a quarter of an hour.
  const own = ring();
  const { times, series } = own.read(own.last - own.first < QUARTER ? QUARTER : HOUR);
  const every = Math.max(1, Math.ceil(times.length / POINTS));
  const kept = (_, i) => (times.length - 1 - i) % every === 0;
  return {
    seconds: times.length ? times.at(-1) - times[0] : 0,
    length: times.filter(kept).length,
    series: STATES.map(({ id }) => ({ id, values: series[id].filter(kept) })),
  };
});

function Past({ states }) {
  const { seconds, length, series: all } = past.value;
  const series = all.filter(({ id }) => states.some((state) => state.id === id));
  if (length < 5) return html`<p class="trend-none muted">The trend begins when this page is opened.</p>`;
  const held = series
    .filter(({ id }) => ["busy", "idle", "held"].includes(id))
    .reduce(
      (all, { values }) => all.map((sum, i) => (sum === null || values[i] === null ? null : sum + values[i])),
      Array(length).fill(0),
    )
    .filter((each) => each !== null);
  const words = `GPUs by state in the last ${duration(seconds)}: held ${count(held[0])} then, ${count(held.at(-1))} now; the least ${count(Math.min(...held))}, the most ${count(Math.max(...held))}`;
  return html`<a class="trend-link" href=${href("history")} title=${words}><${Trend} series=${series} label=${words} />
    <span class="trend-axis" aria-hidden="true"><span>${duration(seconds)} ago</span><span>now</span></span></a>`;
}
