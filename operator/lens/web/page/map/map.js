// The map of every GPU: product, node, GPU. Elements for up to 1,500 nodes, a canvas beyond.
import { present } from "../core/clock.js";
import { html, useEffect, useRef, useState } from "../core/html.js";
import { count } from "../core/format.js";
import { stateName } from "../cluster/state_names.js";
import { useKey } from "../core/keys.js";
import { href, route, setParams } from "../core/router.js";
import { sampled } from "../core/sampled.js";
import { nodes, status } from "../cluster/store.js";
import { lazy } from "../parts/lazy.js";
import { nodeHref } from "../parts/link.js";
import { tableShown, TableToggle } from "../parts/picture.js";
import { cells, groups } from "../cluster/cells.js";
import { COLOURINGS, details, legend, namespaceSlots } from "./colouring.js";
import { DomMap } from "./dom_map.js";

export const MAX_ELEMENT_NODES = 1500;
const AGE_MS = 60_000;

const arranged = sampled(1000, [cells.structure], groups);

export function GpuMap() {
  const { map } = route.value.params;
  const colouring = COLOURINGS.some(({ id }) => id === map) ? map : "state";
  useKey("← ↑ → ↓", "in the map: from GPU to GPU; Enter opens the node");
  useKey("m", "colour the map by the next of state, utilization, namespace, age", nextColouring);
  return html`<section class="panel map-panel" aria-labelledby="map-title">
    <div class="panel-head">
      <h2 id="map-title">Every GPU</h2>
      <fieldset class="choice">
        <legend class="visually-hidden">Colour by</legend>
        ${COLOURINGS.map(({ id, name }) => html`<${Choice} key=${id} name=${name} chosen=${id === colouring} onChoose=${() => choose(id)} />`)}
      </fieldset>
      <span class="more"><${TableToggle} name="map" what="GPUs by node" /></span>
    </div>
    ${tableShown("map").value ? html`<${MapTable} />` : html`<${Map} colouring=${colouring} />`}
  </section>`;
}

function Choice({ name, chosen, onChoose }) {
  return html`<label>
    <input type="radio" name="colouring" checked=${chosen} onChange=${onChoose} /><span>${name}</span>
  </label>`;
}

/** The node that was opened from the map, which gets the focus again after Esc. */
let left = null;

function choose(id) {
  setParams({ map: id === "state" ? null : id });
}

function nextColouring() {
  const at = COLOURINGS.findIndex(({ id }) => id === (route.peek().params.map ?? "state"));
  choose(COLOURINGS[(at + 1) % COLOURINGS.length].id);
}

/** The table, and the map for large clusters, are loaded when they're shown. */
const MapTable = lazy(() => import("./map_table.js").then((module) => module.MapTable));
const CanvasPicture = lazy(() => import("./canvas_map.js").then((module) => of(module.CanvasMap)));
const DomPicture = of(DomMap);

function of(Kind) {
  return (props) => html`<${Picture} Kind=${Kind} ...${props} />`;
}

function Map({ colouring }) {
  const found = arranged.value;
  const number = found.reduce((sum, { names }) => sum + names.length, 0);
  const Shown = number > MAX_ELEMENT_NODES ? CanvasPicture : DomPicture;
  return html`<${Shown} found=${found} number=${number} colouring=${colouring} />`;
}

function Picture({ Kind, found, number, colouring }) {
  const root = useRef(null);
  const map = useRef(null);
  const [inspected, setInspected] = useState({ name: null, index: null });
  const slots = namespaceSlots.value;
  useEffect(() => {
    const own = new Kind(root.current, {
      onInspect: (name, index) =>
        setInspected((before) => (before.name === name && before.index === index ? before : { name, index })),
      onOpen: (name) => {
        left = name;
        location.hash = nodeHref(name);
      },
    });
    map.current = own;
    const stop = cells.listen((names) => own.paint(names));
    return () => {
      stop();
      own.destroy();
    };
  }, [Kind]);
  useEffect(() => {
    const colour = () => map.current.colour({ colouring, slots, now: present() });
    colour();
    // Ages go on by themselves.
    const timer = colouring === "age" ? setInterval(colour, AGE_MS) : null;
    return () => clearInterval(timer);
  }, [Kind, colouring, slots]);
  useEffect(() => {
    map.current.arrange(found);
    if (left === null) return;
    const name = left;
    left = null;
    // The view got the focus when it was shown.
    requestAnimationFrame(() => map.current?.focus(name));
  }, [Kind, found]);
  const density = number <= 128 ? "roomy" : number <= 300 ? "" : "dense";
  return html`
    <div class=${`map ${density}`} ref=${root} hidden=${!number}></div>
    ${!number && html`<p class="map-empty muted">${status.value ? NO_GPUS : NONE_HELD}</p>`}
    <div class="map-foot" hidden=${!number}>
      <ul class="map-legend">${legend(colouring, slots).map((entry) => html`<${Meaning} key=${entry.look} ...${entry} />`)}</ul>
      <p class="map-detail">${inspected.name === null ? html`<span class="muted">${HINT}</span>` : html`<${Detail} ...${inspected} />`}</p>
    </div>`;
}

const NO_GPUS = "The cluster has no GPUs. As soon as a node offers some, they're here.";
const NONE_HELD = "Nobody holds a GPU here.";
const HINT = "Point at a GPU, or go from one to the next by the arrow keys. Enter opens its node.";

/** A line of the legend. */
function Meaning({ look, letter, name, to }) {
  return html`<li>
    <span class=${`cell ${look}`} data-letter=${letter} aria-hidden="true"></span>
    ${to ? html`<a href=${href(...to)}>${name}</a>` : name}
  </li>`;
}

const MAX_NAMED = 2;

/** What the pointer or the focus is on. */
function Detail({ name, index }) {
  const node = nodes.of(name).value;
  return html`<strong>${name}</strong>${(index === null ? ofNode(node) : ofCell(cells.of(name)[index])).map((text) => ` · ${text}`)}`;
}

function ofNode(node) {
  if (!node) return [];
  const free = `${count(node.available_gpus)} of ${count(node.total_gpus)} free`;
  return node.unschedulable ? [node.status, "cordoned", free] : [node.status, free];
}

function ofCell(cell) {
  if (!cell) return [];
  const names = cell.tasks.slice(0, MAX_NAMED).map((task) => `${task.namespace}/${task.pod_name}`);
  const others = cell.tasks.length - names.length;
  return [
    stateName(cell.state),
    ...details(cell, present()),
    ...names,
    ...(others > 0 ? [`and ${count(others)} more`] : []),
  ];
}
