// A modal dialog of the browser's own: it keeps the focus inside, Esc closes it, and the focus goes back.
import { html, useEffect, useId, useRef } from "../core/html.js";

/** Shown as long as it's rendered. `onClose` is called for Esc, the button, and a click beside it. */
export function Dialog({ title, onClose, children, className = "" }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => before?.isConnected && before.focus?.();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog ref=${element} class=${`dialog ${className}`} aria-labelledby=${id} onCancel=${cancel}
      onClick=${(event) => event.target === element.current && onClose()}>
    <div class="dialog-body">
      <header class="dialog-head"><h2 id=${id}>${title}</h2>
        <button type="button" class="quiet icon-button" aria-label="Close" onClick=${onClose}>✕</button></header>
      ${children}
    </div>
  </dialog>`;
}
