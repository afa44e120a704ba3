// What the caller may not see, and which right gives it.
import { html } from "../core/html.js";
import { access } from "../client/access.js";
import { quoted } from "../words/commands.js";
import { CopyButton } from "../parts/copy.js";

/** Said where a view is missing. `what` goes after "may not see": "the cluster's alerts". */
export function NotAllowed({ what }) {
  const caller = access.value?.caller ?? null;
  const command = granting(caller);
  return html`<section class="sheet"><h1>You may not see ${what}</h1>
    <p>${caller ? html`<code>${caller}</code> has` : "This token has"} no right for it. It takes the verb <code>get</code> on <code>realtime</code> of the API group${" "}
      <code>lens</code> in the whole cluster, which the ClusterRole <code>lens-viewer</code> has. An admin gives it by:</p>
    <p class="command"><code>${command}</code><${CopyButton} kind="kubectl" of="a binding" text=${command} label="copy" /></p>
  </section>`;
}

function granting(caller) {
  const account = /^system:serviceaccount:([^:]+):(.+)$/.exec(caller ?? "");
  const subject = account ? `--serviceaccount=${quoted(`${account[1]}:${account[2]}`)}` : `--user=${caller ? quoted(caller) : "NAME"}`;
  return `kubectl create clusterrolebinding lens-viewer-of-NAME --clusterrole=lens-viewer ${subject}`;
}

/** Why a list or an object can't be shown: an ApiError. `what` as in NotAllowed. */
export function Refused({ error, what }) {
  if (error.status === 403) return html`<${NotAllowed} what=${what} />`;
  return html`<p class="notice" role="status">${error.message}. The page tries again by itself.</p>`;
}
