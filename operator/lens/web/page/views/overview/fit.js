// The form of "would it fit?", and the answer in words.
import { html, useEffect, useId } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { curl } from "../../core/commands.js";
import { count, counted, product } from "../../core/format.js";
import { nodes, status } from "../../cluster/store.js";
import { CopyButton } from "../../parts/copy.js";
import { nodeHref } from "../../parts/link.js";
import { unchecked } from "../../words/reasons.js";
import { answer, keepAnswering, question, wrong } from "./fit_question.js";

const MAX_NODES = 8;

export function Fit() {
  useEffect(keepAnswering, []);
  const asked = question.value;
  const set = (name) => (event) => (question.value = { ...question.peek(), [name]: event.target.value });
  const products = (status.value?.products ?? []).map((row) => row.product).filter((name) => name !== null);
  const params = { ...scope.value, gpus: asked.gpus, replicas: asked.replicas, product: asked.product };
  return html`<section class="panel fit" aria-labelledby="fit-title">
    <div class="panel-head">
      <h2 id="fit-title">Would it fit?</h2>
      <span class="more"><${CopyButton} kind="curl" of="this question" text=${curl("realtime/fit", params)} /></span>
    </div>
    <form class="fit-form" onSubmit=${(event) => event.preventDefault()}>
      <${NumberField} name="gpus" label="GPUs a pod" value=${asked.gpus} onInput=${set("gpus")} />
      <span class="times" aria-hidden="true">×</span>
      <${NumberField} name="replicas" label="replicas" value=${asked.replicas} onInput=${set("replicas")} />
      <label class="field fit-product">
        <span>product</span>
        <select value=${asked.product} onChange=${set("product")}>
          <option value="">any</option>
          ${products.map((name) => html`<option key=${name} value=${name}>${product(name)}</option>`)}
        </select>
      </label>
    </form>
    <${Answer} />
  </section>`;
}

function NumberField({ name, label, value, onInput }) {
  const id = useId();
  const problem = wrong(name, value);
  const described = problem ? { "aria-invalid": "true", "aria-describedby": id } : {};
  return html`<label class="field">
    <span>${label}</span>
    <input inputmode="numeric" autocomplete="off" value=${value} onInput=${onInput} ...${described} />
    ${problem && html`<span id=${id} class="field-error">${problem}</span>`}
  </label>`;
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
    <p class=${`verdict ${data.fits}`}>
      <span class="verdict-glyph" aria-hidden="true">${glyph}</span>
      <strong>${word}</strong> <span class="verdict-note">${summary(data)}</span>
    </p>
    ${data.pods.map((group) => html`<${Placements} key=${group.name} placements=${group.placements ?? []} />`)}
    ${data.fits !== "yes" && status.value?.gpu_nodes.total === 0 && html`<p class="muted">No node has GPUs.</p>`}
    ${data.fits !== "yes" && html`<${Reasons} reasons=${data.pods.flatMap((group) => group.reasons ?? [])} />`}
    ${offers.length > 0 && html`<p class="nearest">Would fit: ${offers.map((near) => html`<${Nearest} near=${near} />`)}</p>`}
    ${data.evictable && html`<${Evictable} ...${data.evictable} />`}
    ${data.not_checked.length > 0 && html`<p class="muted">Not checked: ${unchecked(data.not_checked)}.</p>`}`;
}

function summary({ fits, replicas, placed, max_replicas: most }) {
  if (fits === "yes") return most === null || most <= replicas ? "" : `room for ${counted(most, "replica")}`;
  if (placed === 0) return replicas === 1 ? "" : `none of ${count(replicas)} replicas`;
  return `${count(placed)} of ${count(replicas)} replicas`;
}

function Placements({ placements }) {
  if (!placements.length) return null;
  const others = placements.length - MAX_NODES;
  return html`<p class="placements">
    on ${placements.slice(0, MAX_NODES).map((each) => html`<${Placement} key=${each.node_name} ...${each} />`)}
    ${others > 0 && `and ${counted(others, "more node")}`}${ofWhat(placements)}
  </p>`;
}

/** The products of the nodes, for a question about any of them: pods of one workload may get different GPUs. */
function ofWhat(placements) {
  if (question.value.product || status.value?.products.length < 2) return "";
  const found = new Set(placements.map(({ node_name: name }) => nodes.get(name)?.product ?? null));
  const names = [...found].filter((name) => name !== null).map(product);
  if (found.size > names.length || !names.length) return "";
  return names.length > 1 ? `, of different products: ${names.join(", ")}` : `, ${names[0]}`;
}

function Placement({ node_name: name, replicas }) {
  return html`<a class="chip" href=${nodeHref(name)}>${name}${replicas > 1 && ` × ${count(replicas)}`}</a>`;
}

function Reasons({ reasons }) {
  return (
    reasons.length > 0 && html`<ul class="reasons">${reasons.map((reason) => html`<li>${inWords(reason)}</li>`)}</ul>`
  );
}

const WITHOUT = { yes: "it would fit", no: "it wouldn't fit either", unknown: "it isn't known whether it fits" };

function Evictable({ gpus, pods, fits }) {
  const who = `${counted(pods, "pod")} of a lower priority ${pods === 1 ? "holds" : "hold"} ${counted(gpus, "GPU")}`;
  return html`<p class="muted">${who}; without them ${WITHOUT[fits]}.</p>`;
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

function inWords({ code, message, nodes, resource, asked, most_free: free }) {
  const on = html`<strong>${counted(nodes, "node")}</strong>`;
  if (resource === null || asked === null || free === null) return html`${on}: ${RULES[code] ?? message}`;
  return html`${on}: too little ${resource}; ${count(asked)} asked, ${free ? `at most ${count(free)} free on one` : "none free"}`;
}

/** What the question has no field for. */
const CHANGES = {
  selector: () => "without the selector",
  toleration: (value) => `tolerating ${value}`,
  device_class: (value) => `of class ${value}`,
  devices: (value) => `devices ${value}`,
};

/** What would fit instead; a click asks that. */
function Nearest({ near: { change, value, gpus, replicas } }) {
  if (change in CHANGES) return html`<span class="chip">${CHANGES[change](value)}</span>`;
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
