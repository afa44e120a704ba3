// What stands between the caller and the figures, and what they should know of the page.
import { html } from "../core/html.js";
import { access } from "../client/access.js";
import { counted } from "../core/format.js";
import { connection, isOutdated, reconnect } from "../client/live.js";
import { href, setParams } from "../core/router.js";
import { sections } from "../cluster/store.js";
import { askForToken, token } from "../client/token.js";

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

/** Its children once there are figures, or else why there are none. */
export function Obstacle({ children }) {
  const { state, error, seconds } = connection.value;
  if (state === "missing") return html`<${NoCluster} error=${error} />`;
  if (state === "denied") return html`<${Denied} error=${error} />`;
  if (sections.value.size) return children;
  if (state === "waiting")
    return html`<section class="sheet" role="status"><h1>No figures yet</h1>
      <p>${error?.message ?? "The connection has ended"}. The next attempt is in ${counted(Math.ceil(seconds), "second")}.</p>
      <p><button type="button" onClick=${reconnect}>Try now</button></p></section>`;
  return html`<p class="boot">Connecting …</p>`;
}

function NoCluster({ error }) {
  const names = error.clusters ?? [];
  return html`<section class="sheet" role="alert"><h1>${error.clusters ? "There is no such cluster" : "Not found"}</h1>
    ${names.length ? html`<p>These are there:</p><ul>${names.map((name) => html`<li key=${name}><a href=${href({ cluster: name })}>${name}</a></li>`)}</ul>` : html`<p>${error.message}</p>`}
  </section>`;
}

function Denied({ error }) {
  const submit = (event) => {
    event.preventDefault();
    const value = new FormData(event.currentTarget).get("namespace").trim();
    if (!value) return;
    setParams({ namespace: value });
    reconnect();
  };
  const caller = access.value?.caller;
  if (error.status === 401)
    return html`<section class="sheet"><h1>${token.value ? "The token isn't accepted" : "Sign in to see the GPUs"}</h1>
      <p>${token.value ? `Lens says: ${error.message}.` : "Lens shows what your Kubernetes token lets you see."}</p>
      <p><button type="button" class="primary" onClick=${() => askForToken(error)}>Sign in with a token</button></p></section>`;
  return html`<section class="sheet"><h1>No access to the whole cluster</h1>
    <p>${caller ? html`<code>${caller}</code> may not see` : "This token may not see"} all of the cluster's GPUs. If you have access to one namespace, name it:</p>
    <form class="inline-form" onSubmit=${submit}>
      <label class="field"><span>Namespace</span><input name="namespace" autocomplete="off" spellcheck=${false} /></label>
      <button type="submit" class="primary">Show</button>
    </form>
    <p class="hint">${error.message}</p>
    <p><button type="button" class="quiet" onClick=${() => askForToken("")}>Use another token</button></p></section>`;
}
