// The search and the help, by their keys or the header's buttons; each is loaded when it's first opened.
import { html, signal, useEffect, useState } from "../core/html.js";
import { useKey } from "../core/keys.js";
import { takeJumps } from "../core/jumps.js";
import { NotLoaded } from "./not_loaded.js";

const DIALOGS = {
  search: () => import("../search/search_dialog.js"),
  help: () => import("../help/help_dialog.js"),
};

/** Which dialog is open: "search", "help", or null. */
export const openDialog = signal(null);

const openSearch = () => (openDialog.value = "search");
const openHelp = () => (openDialog.value = "help");

export function Dialogs() {
  const name = openDialog.value;
  const [loaded, setLoaded] = useState({});
  useKey("/", "search", openSearch);
  useKey("?", "this help", openHelp);
  useEffect(takeJumps, []);
  useEffect(() => {
    if (name === null || loaded[name]) return;
    DIALOGS[name]().then(
      (module) => setLoaded((before) => ({ ...before, [name]: module.default })),
      () => setLoaded((before) => ({ ...before, [name]: NotLoaded })),
    );
  }, [name]);
  const Shown = name === null ? null : loaded[name];
  return Shown ? html`<${Shown} onClose=${() => (openDialog.value = null)} />` : null;
}
