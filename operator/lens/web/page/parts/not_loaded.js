// Replaces a view or a dialog whose module can't be loaded: an old tab requests files that a new Lens doesn't have.
import { html } from "../core/html.js";

export function NotLoaded() {
  return html`<section class="sheet" role="alert"><h1>This part can't be loaded</h1>
    <p>Lens may have been updated since this page was opened.</p>
    <p><button type="button" class="primary" onClick=${() => location.reload()}>Reload the page</button></p></section>`;
}
