// The figures since this tab was opened: charts, and the same as a table.
import { html, useMemo } from "../../core/html.js";
import { count, duration, percent } from "../../core/format.js";
import { route, setParams } from "../../core/router.js";
import { states } from "../../cluster/state_names.js";
import { historyRevision, ring } from "../../cluster/history.js";
import { CopyButton } from "../../parts/copy.js";
import { Table } from "../../parts/table.js";
import { Chart } from "./chart.js";
import { csv, sampleRows } from "./rows.js";

const SPANS = [
  [900, "15 min"],
  [3600, "1 h"],
  [10800, "3 h"],
  [86400, "24 h"],
];

const CHARTS = [
  { id: "utilization", title: "Mean utilization of the measured GPUs", series: [{ id: "utilization", name: "used", color: "busy" }], most: 100, text: (value) => percent(value, 1) },
  { id: "pending", title: "GPUs that waiting pods ask for", series: [{ id: "pending", name: "pending", color: "idle-edge" }], text: count },
  { id: "largest", title: "Largest block: the most free GPUs of one node", series: [{ id: "largest", name: "largest block", color: "free" }], text: count },
];

const stateChart = () => ({ id: "states", title: "GPUs by state", series: states.value.map(({ id, name, glyph }) => ({ id, name: `${glyph} ${name}` })), stacked: true, text: count });

const stateColumns = () => states.value.map(({ id, name }) => ({ id, title: name, value: (row) => row[id], numeric: true, hide: ["held", "closed"].includes(id) ? "narrow" : undefined }));

const TIME = { id: "time", title: "Time", value: (row) => row.time, cell: (row) => html`<time datetime=${new Date(row.time * 1000).toISOString()}>${clock.format(row.time * 1000)}</time>` };

const COLUMNS = [
  { id: "pending", title: "pending", value: (row) => row.pending, numeric: true },
  { id: "utilization", title: "used", value: (row) => row.utilization, cell: (row) => (row.utilization === null ? null : percent(row.utilization, 1)), numeric: true, hide: "narrow" },
  { id: "largest", title: "largest block", value: (row) => row.largest, numeric: true, hide: "narrow" },
];

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export default function History() {
  const wanted = Number(route.value.params.span);
  const [span] = SPANS.find(([seconds]) => seconds === wanted) ?? SPANS[1];
  const seen = ring();
  const read = useMemo(() => seen.read(span), [historyRevision.value, seen, span]);
  const since = seen.first === null ? 0 : seen.last - seen.first;
  const known = [stateChart(), ...CHARTS].map((chart) => ({ ...chart, series: chart.series.filter(({ id }) => isKnown(read, id)) })).filter(({ series }) => series.length);
  const columns = [TIME, ...[...stateColumns(), ...COLUMNS].filter(({ id }) => isKnown(read, id))];
  const rows = useMemo(() => sampleRows(read, span), [read]);
  return html`
    <section class="panel">
      <div class="panel-head"><h1>History</h1>
        <p class="muted">${since < 60 ? "This tab has just begun to record." : `This tab has recorded for ${duration(since)}.`} Lens keeps no history: leave the page open, and it shows up to a day.</p></div>
      <${Spans} present=${span} />
      ${read.times.length > 1
        ? html`<div class="charts">${known.map((chart) => html`<${Chart} key=${`${chart.id} ${chart.series.length}`} ...${chart} read=${read} span=${span} />`)}</div>`
        : html`<p class="muted">The charts begin in a moment.</p>`}
    </section>
    <section class="panel">
      <div class="panel-head"><h2>The same as a table</h2><span class="more"><${CopyButton} kind="csv" of="the table" label="CSV" text=${csv(columns, rows)} /></span></div>
      <${Table} caption="Figures over time, the newest first" columns=${columns} rows=${rows} rowKey=${(row) => row.time} empty="The first figures come in a moment." />
    </section>`;
}

/** Whether a series has a value at all: a caller with rights in one namespace sees no free GPUs. */
const isKnown = ({ series }, id) => series[id].some((value) => value !== null);

function Spans({ present }) {
  return html`<div class="choices" role="group" aria-label="How far back">${SPANS.map(
    ([seconds, text]) => html`<button key=${seconds} type="button" aria-pressed=${seconds === present ? "true" : "false"} onClick=${() => setParams({ span: seconds })}>${text}</button>`,
  )}</div>`;
}
