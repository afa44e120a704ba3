// "Copy as curl" and "copy as kubectl", for a row or a figure.
import { html, signal, useEffect, useLayoutEffect, useRef, useState } from "../core/html.js";
import { say } from "../core/announce.js";

const KINDS = ["curl", "kubectl"];

/** The open menu: { anchor, of, curl, kubectl }, or null. */
const menu = signal(null);

/** A row's button that opens the menu. `of` names the row; `curl` and `kubectl` are the commands, each may be left out. */
export function Copy({ of, ...commands }) {
  const open = (event) => {
    event.stopPropagation();
    menu.value = { anchor: event.currentTarget, of, ...commands };
  };
  return html`<button type="button" class="quiet copy-open" aria-haspopup="dialog" aria-label=${`Copy ${of} as a command`} title="Copy as curl or kubectl" onClick=${open}>⋯</button>`;
}

/** The menu itself, once on the page: the browser's popover, which closes by Esc and by a click beside it. */
export function CopyMenu() {
  const element = useRef(null);
  const shown = menu.value;
  useLayoutEffect(() => {
    if (!shown) return;
    const own = element.current;
    own.showPopover();
    const box = shown.anchor.getBoundingClientRect();
    const { width, height } = own.getBoundingClientRect();
    own.style.left = `${Math.max(8, Math.min(box.right - width, innerWidth - width - 8))}px`;
    own.style.top = `${box.bottom + height + 8 < innerHeight ? box.bottom + 4 : Math.max(8, box.top - height - 4)}px`;
    own.querySelector("button").focus();
  }, [shown]);
  const toggled = (event) => {
    if (event.newState !== "closed") return;
    if (shown?.anchor.isConnected && element.current.contains(document.activeElement)) shown.anchor.focus();
    menu.value = null;
  };
  return html`<div ref=${element} popover="auto" class="copy-menu" role="dialog" aria-label=${shown ? `Copy ${shown.of}` : undefined} onToggle=${toggled}>
    ${shown && KINDS.map((kind) => shown[kind] && html`<div key=${kind} class="copy-line"><${CopyButton} kind=${kind} of=${shown.of} text=${shown[kind]} label=${`Copy as ${kind}`} /><code>${shown[kind]}</code></div>`)}
  </div>`;
}

/** One button that copies a text. */
export function CopyButton({ kind, of, text, label = kind }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef(null);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const done = await copyText(text, event.currentTarget);
    say(done ? `Copied: ${text}` : "The browser refused to copy");
    setCopied(done);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 2000);
  };
  return html`<button type="button" class=${copied ? "copy-button copied" : "copy-button"} title=${text}
    aria-label=${`Copy as ${kind}${of ? `: ${of}` : ""}`} onClick=${copy}>${copied ? "Copied" : label}</button>`;
}

/** Copy by the Clipboard API, or as browsers did before where a page isn't secure (plain HTTP to a host). */
export async function copyText(text, beside = document.body) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "off-screen";
    // A modal dialog or a popover lets nothing outside it have the focus.
    (beside.closest("dialog, [popover]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    beside.focus();
    return done;
  }
}
