// The states in the last hour, as far as this tab was open.
import { html } from "../../core/html.js";
import { STATES } from "../../cluster/gpu_states.js";
import { historyRevision, ring } from "../../cluster/history.js";
import { count, duration } from "../../core/format.js";
import { href } from "../../core/router.js";
import { sampled } from "../../core/sampled.js";
import { Trend } from "../../parts/trend.js";

const HOUR = 3600;
const QUARTER = 900;
const POINTS = 240;
const MIN_POINTS = 5;
const ROWS = 12;
const HELD = new Set(["busy", "idle", "held"]);

/** { seconds, ago: seconds by point, series: [{ id, values }] }, oldest first. */
const past = sampled(2000, [historyRevision], () => {
  // By the second while that's all there is, as the ring has it for a quarter of an hour.
  const own = ring();
  const { times, series } = own.read(own.last - own.first < QUARTER ? QUARTER : HOUR);
  const kept = thinned(times.length, POINTS);
  return {
    seconds: times.length ? times.at(-1) - times[0] : 0,
    ago: kept.map((i) => times.at(-1) - times[i]),
    series: STATES.map(({ id }) => ({ id, values: kept.map((i) => series[id][i]) })),
  };
});

/** At most `most` of the indices below `length` in equal steps, the last one among them. */
function thinned(length, most) {
  const step = Math.max(1, Math.ceil(length / most));
  const found = [];
  for (let i = length - 1; i >= 0; i -= step) found.unshift(i);
  return found;
}

function ofStates(series, states) {
  return series.filter(({ id }) => states.some((state) => state.id === id));
}

/** The picture; a link to the history's page. */
export function Past({ states }) {
  const { seconds, ago, series: all } = past.value;
  if (ago.length < MIN_POINTS)
    return html`<p class="trend-none muted">The trend begins when this page is opened.</p>`;
  const series = ofStates(all, states);
  const words = inWords(series, ago.length, seconds);
  return html`<a class="trend-link" href=${href("history")} title=${words}>
    <${Trend} series=${series} label=${words} />
    <span class="trend-axis" aria-hidden="true"><span>${duration(seconds)} ago</span><span>now</span></span>
  </a>`;
}

function inWords(series, length, seconds) {
  const held = Array.from({ length }, (_, i) =>
    sum(series.filter(({ id }) => HELD.has(id)).map(({ values }) => values[i])),
  );
  const known = held.filter((each) => each !== null);
  const span = `GPUs by state in the last ${duration(seconds)}`;
  if (!known.length) return span;
  const [least, most] = [Math.min(...known), Math.max(...known)].map(count);
  return `${span}: held ${count(known[0])} then, ${count(known.at(-1))} now; the least ${least}, the most ${most}`;
}

function sum(values) {
  return values.includes(null) ? null : values.reduce((a, b) => a + b, 0);
}

/** The same as a table. */
export function PastTable({ states }) {
  const { ago, series: all } = past.value;
  const series = ofStates(all, states);
  return html`<table class="state-table">
    <caption>GPUs by state, the last ${duration(ago[0] ?? 0)}</caption>
    <thead><tr>
      <th scope="col">Ago</th>
      ${states.map(({ id, name }) => html`<th key=${id} scope="col" class="numeric">${name}</th>`)}
    </tr></thead>
    <tbody>${thinned(ago.length, ROWS).map(
      (at) => html`<tr key=${ago[at]}>
        <th scope="row">${duration(ago[at])}</th>
        ${series.map(({ id, values }) => html`<td key=${id} class="numeric">${count(values[at])}</td>`)}
      </tr>`,
    )}</tbody>
  </table>`;
}
