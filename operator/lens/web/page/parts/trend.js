// How parts of a whole came to be what they are: stacked areas over time, in SVG of our own. The numbers are in the table behind it.
import { html } from "../core/html.js";

const WIDTH = 1000;
const HEIGHT = 100;

/** `series`: [{ id, values }] from the bottom up, null is a gap in all; `id` is the class that colours it. `label` says it in words. */
export function Trend({ series, label }) {
  const length = series[0]?.values.length ?? 0;
  const columns = Array.from({ length }, (_, i) => stack(series.map(({ values }) => values[i])));
  const most = Math.max(1, ...columns.map((column) => column?.at(-1) ?? 0));
  const x = (i) => ((i / Math.max(1, length - 1)) * WIDTH).toFixed(1);
  const y = (value) => (HEIGHT * (1 - value / most)).toFixed(2);
  const runs = runsOf(columns);
  const path = (at) =>
    runs
      .map(([from, to]) => {
        const indices = Array.from({ length: to - from }, (_, i) => from + i);
        const top = indices.map((i) => `${x(i)} ${y(columns[i][at + 1])}`);
        const bottom = indices.map((i) => `${x(i)} ${y(columns[i][at])}`).reverse();
        return `M${[...top, ...bottom].join("L")}Z`;
      })
      .join("");
  return html`<svg class="trend" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${label}>
    ${series.map(({ id }, at) => html`<path key=${id} class=${id} d=${path(at)} />`)}
  </svg>`;
}

/** The bounds of stacked values: [0, a, a + b, …]; null if one is. */
function stack(values) {
  if (values.some((value) => value === null || value === undefined)) return null;
  const bounds = [0];
  for (const value of values) bounds.push(bounds.at(-1) + value);
  return bounds;
}

/** [from, to) of each stretch without a gap, of two columns or more. */
function runsOf(columns) {
  const runs = [];
  let from = null;
  for (let i = 0; i <= columns.length; i++) {
    if (columns[i]) from ??= i;
    else if (from !== null) {
      if (i - from > 1) runs.push([from, i]);
      from = null;
    }
  }
  return runs;
}
