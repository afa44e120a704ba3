// Names and values below each other.
import { html } from "../core/html.js";

/** items: [[name, value], …]; those whose value is null, undefined or false are left out. */
export function Facts({ items }) {
  const shown = items.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return html`<dl class="facts">${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Short texts in a row: taints, labels, gates. */
export function Tags({ texts }) {
  return html`<ul class="tags">${texts.map((text) => html`<li key=${text}><code>${text}</code></li>`)}</ul>`;
}
