// The form of "would it fit?", and the answer in words.
import { html, useEffect, useId } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { curl } from "../../core/commands.js";
import { count, counted, product } from "../../core/format.js";
import { status } from "../../cluster/store.js";
import { CopyButton } from "../../parts/copy.js";
import { nodeHref } from "../../parts/link.js";
import { unchecked } from "../../words/reasons.js";
import { answer, keepAnswering, question, wrong } from "./fit_question.js";

const MOST_NODES = 8;

export function Fit() {
  useEffect(keepAnswering, []);
  const asked = question.value;
  const set = (name) => (event) => (question.value = { ...question.peek(), [name]: event.target.value });
  const products = (status.value?.products ?? []).map((row) => row.product).filter((name) => name !== null);
  const params = { ...scope.value, gpus: asked.gpus, replicas: asked.replicas, product: asked.product };
  return html`<section class="panel fit" aria-labelledby="fit-title">
    <div class="panel-head"><h2 id="fit-title">Would it fit?</h2>
      <span class="more"><${CopyButton} kind="curl" of="this question" text=${curl("realtime/fit", params)} /></span></div>
    <form class="fit-form" onSubmit=${(event) => event.preventDefault()}>
      <${NumberField} name="gpus" label="GPUs" value=${asked.gpus} onInput=${set("gpus")} />
      <span class="times" aria-hidden="true">×</span>
      <${NumberField} name="replicas" label="replicas" value=${asked.replicas} onInput=${set("replicas")} />
      <label class="field fit-product"><span>product</span>
        <select value=${asked.product} onChange=${set("product")}><option value="">any</option>
          ${products.map((name) => html`<option key=${name} value=${name}>${product(name)}</option>`)}</select></label>
    </form>
    <${Answer} />
  </section>`;
}

function NumberField({ name, label, value, onInput }) {
  const id = useId();
  const problem = wrong(name, value);
  return html`<label class="field"><span>${label}</span>
    <input inputmode="numeric" autocomplete="off" value=${value} onInput=${onInput} aria-invalid=${problem ? "true" : undefined} aria-describedby=${problem ? id : undefined} />
    ${problem && html`<span id=${id} class="field-error">${problem}</span>`}</label>`;
}

const WORDS = { yes: ["✓", "Yes"], no: ["✕", "No"], unknown: ["?", "Not known"] };

function Answer() {
  const { data, error, asked, busy } = answer.value;
  // What is asked again for new figures is no other question.
  const same = asked === question.value;
  return html`<div class=${busy && !same ? "answer asking" : "answer"} role="status" aria-live="polite">
    ${error ? html`<p>${error.message}.</p>` : data ? html`<${Said} data=${data} />` : html`<p class="muted">…</p>`}
  </div>`;
}

function Said({ data }) {
  const [glyph, word] = WORDS[data.fits] ?? ["?", data.fits];
  const offers = (data.nearest ?? []).filter(isOffer);
  return html`
    <p class=${`verdict ${data.fits}`}><span class="verdict-glyph" aria-hidden="true">${glyph}</span> <strong>${word}</strong><span class="verdict-note">${summary(data)}</span></p>
    ${data.pods.map((group) => html`<${Placements} key=${group.name} group=${group} />`)}
    ${data.fits !== "yes" && html`<${Reasons} data=${data} />`}
    ${offers.length > 0 && html`<p class="nearest">Would fit: ${offers.map((near) => html`<${Nearest} key=${near.change + near.value} near=${near} />`)}</p>`}
    ${data.evictable && html`<p class="muted">${counted(data.evictable.gpus, "GPU")} are held by ${counted(data.evictable.pods, "pod")} of a lower priority; without them ${data.evictable.fits === "yes" || data.evictable.fits === true ? "it would fit" : "it wouldn't fit either"}.</p>`}
    ${data.not_checked.length > 0 && html`<p class="muted">Not checked: ${unchecked(data.not_checked)}.</p>`}`;
}

function summary({ fits, replicas, placed, max_replicas: most }) {
  if (fits === "yes") return most === null || most <= replicas ? "" : `room for ${counted(most, "replica")}`;
  if (placed === 0) return replicas === 1 ? "" : `none of ${count(replicas)} replicas`;
  return `${count(placed)} of ${count(replicas)} replicas`;
}

function Placements({ group }) {
  const placements = group.placements ?? [];
  if (!placements.length) return null;
  const others = placements.length - MOST_NODES;
  return html`<p class="placements">on ${placements.slice(0, MOST_NODES).map(({ node_name: name, replicas }) => html`<a key=${name} class="chip" href=${nodeHref(name)}>${name}${replicas > 1 ? ` × ${count(replicas)}` : ""}</a>`)}${others > 0 ? ` and ${counted(others, "more node")}` : ""}</p>`;
}

function Reasons({ data }) {
  const reasons = data.pods.flatMap((group) => group.reasons ?? []);
  if (!reasons.length) return null;
  return html`<ul class="reasons">${reasons.map((reason) => html`<li key=${reason.code + reason.message + (reason.resource ?? "")}>${inWords(reason)}</li>`)}</ul>`;
}

/** What keeps pods off nodes, by the answer's codes. */
const RULES = {
  unschedulable: "cordoned",
  taint: "a taint keeps it off",
  node_selector: "not selected",
  pods: "no place for another pod",
  topology_spread: "topology spread keeps it off",
  quota: "a quota is used up",
};

function inWords(reason) {
  const on = counted(reason.nodes, "node");
  const { resource, asked, most_free: free } = reason;
  if (resource !== null && asked !== null && free !== null) {
    return html`<strong>${on}</strong>: too little ${resource}; ${count(asked)} asked, ${free ? `at most ${count(free)} free on one` : "none free"}`;
  }
  return html`<strong>${on}</strong>: ${RULES[reason.code] ?? reason.message}`;
}

/** What would fit instead; a click asks that. */
function Nearest({ near: { change, value, gpus, replicas } }) {
  if (change === "selector" || change === "toleration")
    return html`<span class="chip">${change === "selector" ? "without the selector" : `tolerating ${value}`}</span>`;
  const take = () =>
    (question.value = {
      ...question.peek(),
      gpus: String(gpus),
      replicas: String(replicas),
      ...(change === "product" ? { product: value } : {}),
    });
  return html`<button type="button" class="chip" onClick=${take}>${count(gpus)} × ${count(replicas)}${change === "product" ? ` ${product(value)}` : ""}</button>`;
}

/** A node that Kubernetes itself keeps pods off is no suggestion. */
const isOffer = ({ change, value }) => change !== "toleration" || !/^node\.kubernetes\.io\//.test(value);
