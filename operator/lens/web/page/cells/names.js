// Names of objects, as links where the caller may see what they lead to.
import { html } from "../core/html.js";
import { can } from "../client/access.js";
import { Link } from "../parts/link.js";
import { whyOwner } from "../words/reasons.js";

/** A pod by its name, with its namespace before it unless `bare`. */
export function Pod({ namespace, name, bare = false, view = "tasks" }) {
  const text = bare ? name : html`<span class="muted">${namespace}/</span>${name}`;
  return can.value.tasks ? html`<${Link} to=${[view, namespace, name]} class=${bare ? "name" : undefined} title=${`${namespace}/${name}`}>${text}</${Link}>` : text;
}

export function NodeName({ name }) {
  return can.value.node || can.value.nodes ? html`<${Link} to=${["nodes", name]} class="name" title=${name}>${name}</${Link}>` : name;
}

/** The topmost known owner of a task, its kind after it. */
export function Workload({ of }) {
  const unsure = of.workload_reason === null || of.workload_reason === undefined ? undefined : whyOwner(of.workload_reason);
  return html`<span class="name" title=${unsure}>${of.workload_name} <span class="muted">${of.workload_type}${unsure ? "?" : ""}</span></span>`;
}

/** A UUID that begins with GPU- or MIG- by its beginning, the whole of it in the title. */
export function Uuid({ of }) {
  return html`<code title=${of}>${shortUuid(of)}</code>`;
}

/** "GPU-6872d826-680e-…" → "GPU-6872d826". */
export function shortUuid(uuid) {
  return /^(MIG|GPU)-[0-9a-f]{8}-/i.test(uuid) ? uuid.slice(0, 12) : uuid;
}
