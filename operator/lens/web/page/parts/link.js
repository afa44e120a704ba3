// Links to views.
import { html } from "../core/html.js";
import { can } from "../client/access.js";
import { href } from "../core/router.js";

/** <${Link} to=${["tasks", { ns }]}>…</${Link}> */
export function Link({ to, children, ...rest }) {
  return html`<a href=${href(...to)} ...${rest}>${children}</a>`;
}

/** The address of what the caller may see of a node: its page, its row, or the tasks there. */
export function nodeHref(name) {
  const parts = can.value;
  if (parts.node) return href("nodes", name);
  return parts.nodes ? href("nodes", { q: name }) : href("tasks", { node: name });
}
