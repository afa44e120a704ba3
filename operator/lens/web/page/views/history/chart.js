// One chart: uPlot on a canvas, with a legend that says the values at the pointer. The table below has the same numbers.
import { html, useEffect, useRef, useState } from "../../core/html.js";
import { themeRevision } from "../../core/theme.js";

const HEIGHT = 190;
const STACKED_HEIGHT = 260;

/** Loaded once, when the first chart is shown. */
let library = null;

function load() {
  library ??= import("../../vendor/uplot.js").then((module) => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("../../vendor/uplot.css", import.meta.url).href;
    document.head.append(sheet);
    return module.default;
  });
  library.catch(() => (library = null));
  return library;
}

/**
 * `read` is of history/ring.js, `series` [{ id, name, color? }] names what is shown of it, from the bottom up if `stacked`; `color`
 * is a custom property's name, by default the id. `most` is the least that the axis reaches. `text` writes a value.
 */
export function Chart({ title, series, stacked = false, most = null, text, read, span }) {
  const place = useRef(null);
  const plot = useRef(null);
  const [failed, setFailed] = useState(false);
  const raw = useRef(null);
  raw.current = series.map(({ id }) => read.series[id]);
  const data = [read.times, ...(stacked ? sums(raw.current) : raw.current)];
  const latest = useRef(data);
  latest.current = data;
  const colors = themeRevision.value;
  useEffect(() => {
    let gone = false;
    let observer = null;
    load().then(
      (UPlot) => {
        if (gone) return;
        const element = place.current;
        const width = () => Math.max(200, element.clientWidth);
        const options = { width: width(), height: stacked ? STACKED_HEIGHT : HEIGHT, ...optionsOf(element, { series, stacked, most, text, raw, span }) };
        plot.current = new UPlot(options, latest.current, element);
        observer = new ResizeObserver(() => plot.current?.setSize({ width: width(), height: options.height }));
        observer.observe(element);
      },
      () => gone || setFailed(true),
    );
    return () => {
      gone = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [span, colors]);
  useEffect(() => plot.current?.setData(data), [read]);
  return html`<figure class=${stacked ? "chart stacked" : "chart"}><figcaption>${title}</figcaption>
    ${failed ? html`<p class="muted" role="status">The chart can't be loaded: Lens may have been updated since this page was opened. The table below has the numbers.</p>` : html`<div ref=${place} role="img" aria-label=${`${title}; the table below has the numbers`}></div>`}
  </figure>`;
}

/** Each series on top of those before it; a gap in one is a gap in all above it. */
function sums(columns) {
  const below = new Array(columns[0].length).fill(0);
  return columns.map((column) =>
    column.map((value, at) => {
      below[at] = value === null || below[at] === null ? null : below[at] + value;
      return below[at];
    }),
  );
}

function optionsOf(element, { series, stacked, most, text, raw, span }) {
  const ink = colorOf(element, "--ink-2");
  const line = colorOf(element, "--line");
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
  return {
    cursor: { sync: { key: "history" }, points: { size: 6 }, drag: { x: false, y: false } },
    scales: {
      x: { range: (_plot, from, to) => [Math.min(from ?? 0, (to ?? 0) - Math.min(span, 300)), to ?? 0] },
      y: { range: (_plot, _from, to) => [0, Math.max(most ?? 1, to ?? 1)] },
    },
    axes: [{ ...axis, space: 76, values: (_plot, times) => times.map((time) => minutes.format(time * 1000)) }, { ...axis, size: 46, incrs: most === 100 ? undefined : WHOLE }],
    legend: { live: true, markers: { width: 0, fill: (_plot, at) => (at ? colorOf(element, `--${series[at - 1].color ?? series[at - 1].id}`) : ink) } },
    series: [
      { label: "time", value: (_plot, time) => (time === null ? "now" : seconds.format(time * 1000)) },
      ...series.map(({ name, id, color = id }, at) => ({
        label: name,
        stroke: colorOf(element, `--${color}`),
        width: stacked ? 1 : 2,
        fill: stacked && at > 0 ? undefined : translucent(colorOf(element, `--${color}`), stacked ? 0.85 : 0.15),
        points: { show: false },
        value: (_plot, _sum, _series, index) => text(index === null ? (raw.current[at].at(-1) ?? null) : raw.current[at][index]),
      })),
    ],
    bands: stacked ? series.slice(1).map(({ id, color = id }, at) => ({ series: [at + 2, at + 1], fill: translucent(colorOf(element, `--${color}`), 0.85) })) : [],
  };
}

/** GPUs are whole. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000];

const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** A custom property's color, whatever it's made of. */
function colorOf(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function translucent(color, alpha) {
  return color.replace(/^rgb\(([^)]*)\)$/, `rgba($1, ${alpha})`);
}
