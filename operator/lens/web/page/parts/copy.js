// "Copy as curl" and "copy as kubectl", for a row or a figure.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { say } from "../core/announce.js";

const NAMES = { curl: "curl", kubectl: "kubectl" };

/** `of` names what is copied, for those who don't see where the buttons are. `curl` and `kubectl` are the commands; each may be left out. */
export function Copy({ of, ...commands }) {
  return html`<span class="copy">
    ${Object.keys(NAMES).map((kind) => commands[kind] && html`<${CopyButton} key=${kind} kind=${kind} of=${of} text=${commands[kind]} />`)}
  </span>`;
}

/** One button that copies a text. */
export function CopyButton({ kind, of, text, label = NAMES[kind] }) {
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
    aria-label=${`Copy as ${label}${of ? `: ${of}` : ""}`} onClick=${copy}>${copied ? "✓" : label}</button>`;
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
    // A modal dialog lets nothing outside it have the focus.
    (beside.closest("dialog") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    beside.focus();
    return done;
  }
}
