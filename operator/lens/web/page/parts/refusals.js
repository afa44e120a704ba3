// What is shown instead of figures where there is no such cluster, and to whom has no access to it.
import { html } from "../core/html.js";
import { access } from "../client/access.js";
import { reconnect } from "../client/live.js";
import { href, setParams } from "../core/router.js";
import { askForToken } from "../client/token.js";

export function NoCluster({ error }) {
  const names = error.clusters ?? [];
  return html`<section class="sheet" role="alert"><h1>${error.clusters ? "There is no such cluster" : "Not found"}</h1>
    ${names.length ? html`<p>These are there:</p><ul>${names.map(link)}</ul>` : html`<p>${error.message}</p>`}
  </section>`;
}

const link = (name) => html`<li key=${name}><a href=${href({ cluster: name })}>${name}</a></li>`;

export function Denied({ error }) {
  const submit = (event) => {
    event.preventDefault();
    const value = new FormData(event.currentTarget).get("namespace").trim();
    if (!value) return;
    setParams({ namespace: value });
    reconnect();
  };
  const caller = access.value?.caller;
  return html`<section class="sheet"><h1>No access to the whole cluster</h1>
    <p>${caller ? html`<code>${caller}</code>` : "This token"} may not see all of the cluster's GPUs.${" "}
      If you have access to one namespace, name it:</p>
    <form class="inline-form" onSubmit=${submit}>
      <label class="field"><span>Namespace</span><input name="namespace" autocomplete="off" spellcheck=${false} /></label>
      <button type="submit" class="primary">Show</button>
    </form>
    <p class="hint">${error.message}</p>
    <p><button type="button" class="quiet" onClick=${() => askForToken("")}>Use another token</button></p></section>`;
}
