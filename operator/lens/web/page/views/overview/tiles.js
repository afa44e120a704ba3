// What decides next, after the bar: the largest block, what waits, what is wrong.
import { html, useEffect } from "../../core/html.js";
import { can } from "../../client/access.js";
import { count, duration, product, since } from "../../core/format.js";
import { keepPending, pending } from "../../cluster/pending.js";
import { href } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { alerts, sections, status } from "../../cluster/store.js";
import { Figure } from "../../parts/figure.js";
import { whyNull } from "../../words/reasons.js";
import { readPending } from "../../words/pending.js";

export function Tiles() {
  useEffect(keepPending, []);
  return html`<div class="tiles">
    <${LargestBlock} /><${Pending} />${can.value.alerts && sections.value.has("alerts") && html`<${Alerts} />`}
  </div>`;
}

function Tile({ name, to, value, children, tone }) {
  return html`<section class=${tone ? `panel tile ${tone}` : "panel tile"}>
    <h2><a href=${href(...to)}>${name}</a></h2>
    <p class="tile-value">${value}</p>
    <div class="tile-note">${children}</div>
  </section>`;
}

function LargestBlock() {
  const {
    max_contiguous_gpu: gpus,
    max_contiguous_gpu_product: of,
    max_contiguous_gpu_reason: why,
    available_nodes: nodes,
  } = status.value.available_resources;
  return html`<${Tile} name="Largest block" to=${["nodes", { free: 1, sort: "-available_gpus" }]}
    value=${html`<${Figure} path="available_resources.max_contiguous_gpu" value=${gpus} /> <span class="unit">${gpus === 1 ? "GPU" : "GPUs"} on one node</span>`}>
    ${of ? html`<span title=${of}>${product(of)}</span>, ` : why === "NONE_AVAILABLE" ? "" : `${whyNull(why)}, `}<${Figure} path="available_resources.available_nodes" value=${nodes} /> ${nodes === 1 ? "node has" : "nodes have"} free GPUs
  </${Tile}>`;
}

function Pending() {
  const { pods, gpus, gated_pods: gated } = status.value.pending;
  // By their creation: the first has waited longest. Without a creation they come last.
  const oldest = pods ? pending.value?.[0] : null;
  return html`<${Tile} name="Pending" to=${["pending"]} value=${html`<${Figure} path="pending.gpus" value=${gpus} /> <span class="unit">GPUs for <${Figure} path="pending.pods" value=${pods} /> ${pods === 1 ? "pod" : "pods"}</span>`}>
    ${
      !pods
        ? "Nothing waits."
        : oldest
          ? html`oldest ${duration(since(oldest.created_at))}: <a href=${href("pending", oldest.namespace, oldest.pod_name)}>${oldest.pod_name}</a>. ${readPending(oldest).because}.`
          : gated
            ? html`<${Figure} path="pending.gated_pods" value=${gated} /> held back by gates`
            : ""
    }
  </${Tile}>`;
}

const SEVERITIES = [
  ["critical", "✕"],
  ["warning", "!"],
  ["info", "i"],
];

const MOST_ALERTS = 3;

const counts = sampled(1000, [alerts.revision], () => {
  const found = { critical: 0, warning: 0, info: 0 };
  for (const { severity } of alerts.map.values()) found[severity] = (found[severity] ?? 0) + 1;
  const first = [...alerts.map.values()]
    .sort((a, b) => rank(a) - rank(b) || (a.timestamp < b.timestamp ? 1 : -1))
    .slice(0, MOST_ALERTS);
  return { found, first, total: alerts.size };
});

const GLYPHS = Object.fromEntries(SEVERITIES);

function rank({ severity }) {
  return SEVERITIES.findIndex(([name]) => name === severity);
}

function Alerts() {
  const { found, first, total } = counts.value;
  const value = html`<span class="figure" data-figure="alerts">${count(total)}</span>
    <span class="severities">${SEVERITIES.filter(([name]) => found[name]).map(([name, glyph]) => html`<a key=${name} class=${`severity ${name}`} href=${href("alerts", { severity: name })}><span class="glyph" aria-hidden="true">${glyph}</span> ${count(found[name])}<span class="visually-hidden"> ${name}</span></a>`)}</span>`;
  return html`<${Tile} name="Alerts" to=${["alerts"]} value=${value} tone=${found.critical ? "critical" : ""}>
    ${
      first.length
        ? html`<ul class="alert-list">${first.map((alert) => html`<li key=${alert.id} data-row=${alert.id}><span class=${`severity ${alert.severity}`}><span class="glyph" aria-hidden="true">${GLYPHS[alert.severity] ?? "?"}</span></span> <span class="clip" title=${alert.message}>${alert.message}</span></li>`)}</ul>`
        : "Nothing is wrong."
    }
  </${Tile}>`;
}
