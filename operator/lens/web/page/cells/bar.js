// A percentage as a short bar, with its number beside it.
import { html } from "../core/html.js";
import { NONE, percent } from "../core/format.js";

/** `why` says why there is no value. */
export function Bar({ value, why, figure }) {
  if (value === null || value === undefined) return html`<span class="unknown" title=${why}>${NONE}</span>`;
  const width = `${Math.max(0, Math.min(100, value))}%`;
  return html`<span class="bar"><span class="bar-track" aria-hidden="true"><span class="bar-fill" style=${{ width }}></span></span>
    <span class="bar-text" data-figure=${figure}>${percent(value)}</span></span>`;
}
