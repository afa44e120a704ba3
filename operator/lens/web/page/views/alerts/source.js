// What an alert or an event is about, as a link to its page.
import { html } from "../../core/html.js";
import { can } from "../../client/access.js";
import { Link } from "../../parts/link.js";
import { shortUuid } from "../../cells/names.js";
import { parseObject, viewOf } from "../../words/objects.js";

export function Source({ of }) {
  const { kind, namespace, name, node } = parseObject(of);
  const view = viewOf(of);
  const text = kind === "GPU" ? html`${node} <span class="muted">GPU ${shortUuid(name)}</span>` : html`${namespace && html`<span class="muted">${namespace}/</span>`}${name}`;
  const allowed = view && (view[0] === "nodes" ? can.value.node : can.value.tasks);
  if (!allowed) return html`<span title=${of}><span class="muted">${kind} </span>${text}</span>`;
  return html`<${Link} to=${view} title=${of}>${text}</${Link}>`;
}
