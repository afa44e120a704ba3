// One bar of all GPUs by state, its numbers, and how it came to this.
import { html } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { curl } from "../../core/commands.js";
import { summary } from "../../cluster/figures.js";
import { count, counted, percent } from "../../core/format.js";
import { STATES } from "../../cluster/gpu_states.js";
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
  const shown = STATES.filter(({ id }) => id !== "held" || figures.held > 0);
  return html`<section class="panel hero" aria-labelledby="all-gpus">
    <div class="hero-head">
      <h1 id="all-gpus"><a href=${href("nodes")}><${Figure} path="current_gpu_usage.total_gpus" value=${figures.total} /></a> GPUs</h1>
      <p class="hero-note">${rates()}</p>
      <span class="more"><${CopyButton} kind="curl" of="status" text=${curl("realtime/status", scope.value)} /><${TableToggle} name="states" what="GPUs by state" /></span>
    </div>
    ${tableShown("states").value ? html`<${StateTable} figures=${figures} />` : html`<${Bar} figures=${figures} states=${shown} /><${Past} />`}
    <dl class="legend">${shown.map(({ id, name, means }) => html`<div key=${id} class="legend-item">
        <dt title=${means}><span class=${`swatch ${id}`} aria-hidden="true"></span>${name}</dt>
        <dd><a href=${href(...WHERE[id][1])}><${Figure} path=${WHERE[id][0]} value=${figures[id]} /></a></dd>
      </div>`)}
    </dl>
  </section>`;
}

function rates() {
  const usage = status.value.current_gpu_usage;
  const measured = status.value.telemetry;
  return html`<${Figure} path="current_gpu_usage.allocation_rate" value=${usage.allocation_rate} text=${percent(usage.allocation_rate, 1)} /> held, used at${" "}
    <${Figure} path="telemetry.utilization_rate" value=${measured.utilization_rate} text=${measured.utilization_rate === null ? null : percent(measured.utilization_rate, 1)} />
    ${measured.utilization_rate !== null && measured.coverage < 1 ? html` <span class="muted">(measured: ${percent(measured.coverage * 100)} of GPUs)</span>` : ""}`;
}

function Bar({ figures, states }) {
  const parts = states.filter(({ id }) => figures[id] > 0);
  return html`<div class="bar" role="img" aria-label=${`GPUs by state: ${parts.map(({ id, name }) => `${count(figures[id])} ${name}`).join(", ") || "none"}`}>
    ${parts.map(({ id }) => html`<span key=${id} class=${`part ${id}`} style=${{ flexGrow: figures[id] }}></span>`)}
  </div>`;
}

function StateTable({ figures }) {
  return html`<table class="state-table"><caption class="visually-hidden">GPUs by state</caption>
    <thead><tr><th scope="col">State</th><th scope="col" class="numeric">GPUs</th><th scope="col" class="numeric">Share</th><th scope="col">Meaning</th></tr></thead>
    <tbody>${STATES.map(({ id, name, means }) => html`<tr key=${id}><th scope="row">${name}</th><td class="numeric">${count(figures[id])}</td>
      <td class="numeric">${figures.total ? percent((100 * figures[id]) / figures.total, 1) : "–"}</td><td>${means}</td></tr>`)}
      <tr><th scope="row">all</th><td class="numeric">${count(figures.total)}</td><td></td><td></td></tr></tbody>
  </table>`;
}

const HOUR = 3600;
const POINTS = 240;

/** The states over the last hour that this tab has seen. */
const past = sampled(2000, [historyRevision], () => {
  const { times, series } = ring().read(HOUR);
  const every = Math.max(1, Math.ceil(times.length / POINTS));
  const kept = (_, i) => (times.length - 1 - i) % every === 0;
  return {
    minutes: times.length ? Math.max(1, Math.round((times.at(-1) - times[0]) / 60)) : 0,
    length: times.filter(kept).length,
    series: STATES.map(({ id }) => ({ id, values: series[id].filter(kept) })),
  };
});

function Past() {
  const { minutes, length, series } = past.value;
  if (length < 5) return html`<p class="trend-none muted">The trend begins when this page is opened.</p>`;
  const held = series.filter(({ id }) => ["busy", "idle", "held"].includes(id)).reduce((all, { values }) => all.map((sum, i) => (sum === null || values[i] === null ? null : sum + values[i])), Array(length).fill(0)).filter((each) => each !== null);
  const words = `GPUs by state in the last ${counted(minutes, "minute")}: held ${count(held[0])} then, ${count(held.at(-1))} now; the least ${count(Math.min(...held))}, the most ${count(Math.max(...held))}`;
  return html`<a class="trend-link" href=${href("history")} title=${words}><${Trend} series=${series} label=${words} />
    <span class="trend-axis" aria-hidden="true"><span>${minutes} min ago</span><span>now</span></span></a>`;
}
