// The tiles after the bar: the largest block, pending pods, alerts.
import { html, useEffect } from "../../core/html.js";
import { can } from "../../client/access.js";
import { Elapsed } from "../../cells/elapsed.js";
import { keepPending, pending } from "../../cluster/pending.js";
import { alerts, sections, status } from "../../cluster/store.js";
import { count, product } from "../../core/format.js";
import { href } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { Figure } from "../../parts/figure.js";
import { readPending } from "../../words/pending.js";
import { whyNull } from "../../words/reasons.js";

export function Tiles() {
  return html`<div class="tiles">
    <${LargestBlock} /><${Pending} />${can.value.alerts && sections.value.has("alerts") && html`<${Alerts} />`}
  </div>`;
}

function Tile({ name, to, value, children }) {
  return html`<section class="panel tile">
    <h2><a href=${href(...to)}>${name}</a></h2>
    <p class="tile-value">${value}</p>
    <div class="tile-note">${children}</div>
  </section>`;
}

function LargestBlock() {
  const found = status.value.available_resources;
  const { max_contiguous_gpu: gpus, available_nodes: nodes } = found;
  const value = html`<${Figure} path="available_resources.max_contiguous_gpu" value=${gpus} />
    <span class="unit">${gpus === 1 ? "GPU" : "GPUs"} on one node</span>`;
  return html`<${Tile} name="Largest block" to=${["nodes", { free: 1, sort: "-free" }]} value=${value}>
    ${blockProduct(found)}
    <${Figure} path="available_resources.available_nodes" value=${nodes} /> ${nodes === 1 ? "node has" : "nodes have"} free GPUs
  </${Tile}>`;
}

function blockProduct({ max_contiguous_gpu_product: name, max_contiguous_gpu_reason: why }) {
  if (name) return html`<span title=${name}>${product(name)}</span>, `;
  return why === "NONE_AVAILABLE" || !why ? "" : `${whyNull(why)}, `;
}

function Pending() {
  useEffect(keepPending, []);
  const { pods, gpus } = status.value.pending;
  const value = html`<${Figure} path="pending.gpus" value=${gpus} />
    <span class="unit">GPUs for <${Figure} path="pending.pods" value=${pods} /> ${pods === 1 ? "pod" : "pods"}</span>`;
  return html`<${Tile} name="Pending" to=${["pending"]} value=${value}><${Oldest} counted=${status.value.pending} /></${Tile}>`;
}

/** The pod that has waited longest, and why. */
function Oldest({ counted: { pods, gated_pods: gated } }) {
  if (!pods) return "Nothing waits.";
  // By their creation: the first has waited longest. Without a creation they come last.
  const oldest = pending.value?.[0];
  if (!oldest) return gated ? html`<${Figure} path="pending.gated_pods" value=${gated} /> held back by gates` : null;
  return html`the first for <${Elapsed} from=${oldest.created_at} />:${" "}
    <a href=${href("pending", oldest.namespace, oldest.pod_name)}>${oldest.pod_name}</a>. ${readPending(oldest).because}.`;
}

/** From the worst, with their glyphs. */
const SEVERITIES = { critical: "✕", warning: "!", info: "i" };
const RANK = Object.keys(SEVERITIES);
const MAX_ALERTS = 3;

/** { counts by severity, the worst and newest }. */
const found = sampled(1000, [alerts.revision], () => {
  const counts = Object.fromEntries(RANK.map((severity) => [severity, 0]));
  for (const { severity } of alerts.map.values()) counts[severity] += 1;
  const worst = [...alerts.map.values()].sort(
    (a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity) || (a.timestamp < b.timestamp ? 1 : -1),
  );
  return { counts, worst: worst.slice(0, MAX_ALERTS), total: alerts.size };
});

function Alerts() {
  const { counts, worst, total } = found.value;
  const value = html`<span class="figure" data-figure="alerts">${count(total)}</span>
    <span class="severities">${RANK.filter((severity) => counts[severity]).map(
      (severity) => html`<a key=${severity} class=${`severity ${severity}`} href=${href("alerts", { severity })}>
        <span class="glyph" aria-hidden="true">${SEVERITIES[severity]}</span> ${count(counts[severity])}
        <span class="visually-hidden"> ${severity}</span></a>`,
    )}</span>`;
  return html`<${Tile} name="Alerts" to=${["alerts"]} value=${value}>
    ${worst.length ? html`<ul class="alert-list">${worst.map((alert) => html`<${AlertLine} key=${alert.id} alert=${alert} />`)}</ul>` : "Nothing is wrong."}
  </${Tile}>`;
}

function AlertLine({ alert: { id, severity, message } }) {
  return html`<li data-row=${id}>
    <span class=${`severity ${severity}`}><span class="glyph" aria-hidden="true">${SEVERITIES[severity]}</span></span>
    <span class="visually-hidden">${severity}: </span><span class="clip" title=${message}>${message}</span>
  </li>`;
}
