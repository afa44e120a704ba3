// Links to views.
import { html } from "../core/html.js";
import { href } from "../core/router.js";

/** <${Link} to=${["tasks", { ns }]}>…</${Link}> */
export function Link({ to, children, ...rest }) {
  return html`<a href=${href(...to)} ...${rest}>${children}</a>`;
}
