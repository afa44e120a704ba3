// A picture, and the table behind it: a button or `t` changes between them.
import { html, signal, useEffect } from "../core/html.js";
import { register } from "../core/keys.js";

/** Which pictures show their tables, by name: it stays so when the view is left. */
const tables = {};

export function tableShown(name) {
  return (tables[name] ??= signal(false));
}

/** The button that changes a picture into its table and back. */
export function TableToggle({ name, what }) {
  const shown = tableShown(name);
  return html`<button type="button" class="quiet small" aria-pressed=${shown.value ? "true" : "false"} onClick=${() => (shown.value = !shown.value)}
    aria-label=${`Table: ${what}`}>table</button>`;
}

/** `t`: tables instead of all pictures of the view, or pictures again. */
export function useTableKey(names) {
  useEffect(
    () =>
      register("t", "tables instead of pictures, and back", () => {
        const next = !names.every((name) => tableShown(name).peek());
        for (const name of names) tableShown(name).value = next;
      }),
    [],
  );
}
