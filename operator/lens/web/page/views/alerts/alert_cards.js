// Alerts where their object is shown: what is wrong, since when, what to do.
import { html } from "../../core/html.js";
import { Elapsed } from "../../cells/elapsed.js";
import { Severity } from "../../cells/marked.js";
import { Source } from "./source.js";

/** `here`: the object is the page's own, so that it isn't named again. */
export function AlertCards({ alerts, here = false }) {
  if (!alerts.length) return null;
  return html`<ul class="alert-cards">${alerts.map((alert) => html`<li key=${alert.id} class="alert-card" data-severity=${alert.severity} data-row=${alert.id}>
    <p><${Severity} of=${alert.severity} /> <strong>${alert.type}</strong> <span class="muted">for <${Elapsed} from=${alert.timestamp} /></span>${!here && html` <${Source} of=${alert.source} />`}</p>
    <p>${alert.message}</p>
    <p class="muted">${alert.action}</p>
  </li>`)}</ul>`;
}
