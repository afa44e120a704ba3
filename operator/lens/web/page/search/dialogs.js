// The search and the help, by their keys or the header's buttons; each is loaded when it's first opened.
import { html, signal, useEffect } from "../core/html.js";
import { useKey } from "../core/keys.js";
import { takeJumps } from "../core/jumps.js";
import { beyond } from "../parts/lazy.js";

const DIALOGS = {
  search: beyond(() => import("./search_dialog.js")),
  help: beyond(() => import("../help/help_dialog.js")),
};

/** Which dialog is open: "search", "help", or null. */
export const openDialog = signal(null);

const openSearch = () => (openDialog.value = "search");
const openHelp = () => (openDialog.value = "help");

export function Dialogs() {
  const name = openDialog.value;
  useKey("/", "search", openSearch);
  useKey("?", "this help", openHelp);
  useEffect(takeJumps, []);
  const Shown = name === null ? null : DIALOGS[name];
  return Shown && html`<${Shown} key=${name} onClose=${() => (openDialog.value = null)} />`;
}
