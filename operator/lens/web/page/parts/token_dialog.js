// Asks for the token, and says how to make one.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { closeTokenDialog, isKept, setToken, token } from "../client/token.js";
import { CopyButton } from "./copy.js";
import { Dialog } from "./dialog.js";

const COMMAND = "kubectl --namespace lens create token lens-reader";

/** `request` is what the dialog is opened for: client/token.js' tokenRequest. */
export function TokenDialog({ request }) {
  const input = useRef(null);
  const [keep, setKeep] = useState(isKept());
  const [wrong, setWrong] = useState(null);
  useEffect(() => input.current.focus(), []);
  const submit = (event) => {
    event.preventDefault();
    // Without what comes along when it's copied from a terminal or a header.
    const value = input.current.value.replace(/^\s*Bearer\s+/i, "").replace(/\s+/g, "");
    if (!/^[\x21-\x7e]+$/.test(value)) {
      setWrong(value ? "A token has no such characters." : "Paste a token first.");
      return;
    }
    setToken(value, { keep });
  };
  const refused = request.status === 401 && token.peek();
  const message =
    wrong ?? (refused ? `Lens refused the token: ${request.message}.` : request.status ? null : request.message);
  return html`<${Dialog} title="Sign in with a token" onClose=${closeTokenDialog} className="token-dialog">
    <p>Lens shows what Kubernetes lets you see. A service account's token says who you are:</p>
    <p class="command"><code>${COMMAND}</code><${CopyButton} kind="command" label="copy" text=${COMMAND} /></p>
    <form onSubmit=${submit}>
      <label class="field"><span>Token</span>
        <input ref=${input} type="password" name="token" autocomplete="off" spellcheck=${false} autocapitalize="off"
          aria-invalid=${message ? "true" : undefined} onInput=${() => setWrong(null)} /></label>
      <div role="alert" class="form-error">${message}</div>
      <label class="check"><input type="checkbox" checked=${keep} onChange=${(event) => setKeep(event.target.checked)} />
        <span>Remember in this tab, until it's closed</span></label>
      <p class="hint">The token stays in this browser, and goes to this Lens only.</p>
      <div class="actions">
        ${token.value && html`<button type="button" class="quiet" onClick=${() => setToken(null)}>Forget the token</button>`}
        <button type="submit" class="primary">Sign in</button>
      </div>
    </form>
  </${Dialog}>`;
}
