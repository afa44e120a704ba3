// The obstacles between the user and the figures, and notices about the page.
import { html } from "../core/html.js";
import { counted } from "../core/format.js";
import { connection, isOutdated, reconnect } from "../client/live.js";
import { sections } from "../cluster/store.js";
import { askForToken, token } from "../client/token.js";
import { lazy } from "./lazy.js";

/** Lines below the header: a newer page, a namespace only. */
export function Notices() {
  return html`<div class="notices">
    ${
      isOutdated.value &&
      html`<p class="notice" role="status">Lens has been updated since this page was opened.
      <button type="button" class="primary small" onClick=${() => location.reload()}>Reload the page</button></p>`
    }
  </div>`;
}

const NoCluster = lazy(() => import("./refusals.js").then((module) => module.NoCluster));
const Denied = lazy(() => import("./refusals.js").then((module) => module.Denied));

/** Its children once there are figures, or else why there are none. */
export function Obstacle({ children }) {
  const { state, error, seconds } = connection.value;
  if (state === "missing") return html`<${NoCluster} error=${error} />`;
  if (state === "denied" && error.status === 401) return html`<${SignIn} error=${error} />`;
  if (state === "denied") return html`<${Denied} error=${error} />`;
  if (sections.value.size) return children;
  if (state === "waiting")
    return html`<section class="sheet" role="status"><h1>No figures yet</h1>
      <p>${error?.message ?? "The connection has ended"}. The next attempt is in ${counted(Math.ceil(seconds), "second")}.</p>
      <p><button type="button" onClick=${reconnect}>Try now</button></p></section>`;
  return html`<p class="boot">Connecting …</p>`;
}

function SignIn({ error }) {
  return html`<section class="sheet">
    <h1>${token.value ? "The token isn't accepted" : "Sign in to see the GPUs"}</h1>
    <p>${token.value ? `Lens says: ${error.message}.` : "Lens shows what your Kubernetes token lets you see."}</p>
    <p><button type="button" class="primary" onClick=${() => askForToken(error)}>Sign in with a token</button></p>
  </section>`;
}
