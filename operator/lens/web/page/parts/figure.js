// A number of the API, alone in its element, so that what the page says can be held against `status` to the digit.
import { html } from "../core/html.js";
import { count } from "../core/format.js";

/** `path` is the field's path in the response. `text` replaces the number's own text; null is "unknown". */
export function Figure({ path, value, text }) {
  const known = value !== null && value !== undefined;
  return html`<span class=${known ? "figure" : "figure unknown"} data-figure=${path}>${known ? (text ?? count(value)) : "unknown"}</span>`;
}
