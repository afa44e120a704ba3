// Long lists of rows that wrap: a part of them, and a button for more.
import { html, useState } from "../core/html.js";
import { count } from "../core/format.js";

export const PART = 200;

/** [the first rows of `rows`, what comes below them (null if nothing)]; `key` starts over when it changes. */
export function usePart(rows, key) {
  const [shown, setShown] = useState({ key, most: PART });
  const most = shown.key === key ? shown.most : PART;
  if (rows.length <= most) return [rows, null];
  const more = () => setShown({ key, most: most + PART });
  return [
    rows.slice(0, most),
    html`<p class="more-rows">The first ${count(most)} of ${count(rows.length)}. <button type="button" onClick=${more}>Show ${count(Math.min(PART, rows.length - most))} more</button></p>`,
  ];
}
