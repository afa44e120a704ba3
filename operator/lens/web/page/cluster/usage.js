// The use of GPUs, by cells: added up once, and then recounted for nodes whose cells have changed.
//
// A GPU that two namespaces share counts for both, as in `lens_allocated_gpus`.
import { present } from "../core/clock.js";
import { idleSince } from "./idle.js";
import { cells } from "./cells.js";
import { alerts } from "./store.js";

/** Times are summed as ms since then: sums of times since 1970 have more digits than a number. */
export const ORIGIN = present();

const STATES = ["busy", "idle", "held"];
const FIELDS = ["held", "idle", "idleSince", "measured", "used"];

const parts = new Map();
const dirty = new Set();
const totals = { busy: 0, idle: 0, held: 0 };
const namespaces = new Map();

cells.listen((names) => {
  for (const name of names) dirty.add(name);
});
alerts.listen((changed) => {
  for (const [, old, row] of changed)
    for (const each of [old, row]) if (each?.type === "GpusIdle" && each.node) dirty.add(each.node);
});

/** GPUs that are held, by what they do: { busy, idle, held }. */
export function heldGpus() {
  recount();
  return { ...totals };
}

/** By namespace: { held, idle, idleSince (the sum of ms since ORIGIN), measured (GPUs), used (the sum of their percents) }. Don't change them. */
export function namespaceGpus() {
  recount();
  return namespaces;
}

function recount() {
  for (const name of dirty) {
    const before = parts.get(name);
    if (before) add(before, -1);
    parts.delete(name);
    const all = cells.of(name);
    if (!all.length) continue;
    const part = partOf(all);
    parts.set(name, part);
    add(part, 1);
  }
  dirty.clear();
}

function add(part, sign) {
  for (const state of STATES) totals[state] += sign * part.totals[state];
  for (const [name, own] of part.namespaces) {
    const sum = namespaces.get(name) ?? Object.fromEntries(FIELDS.map((field) => [field, 0]));
    for (const field of FIELDS) sum[field] += sign * own[field];
    if (sum.held === 0) namespaces.delete(name);
    else namespaces.set(name, sum);
  }
}

function partOf(all) {
  const part = { totals: { busy: 0, idle: 0, held: 0 }, namespaces: new Map() };
  for (const cell of all) {
    if (!(cell.state in part.totals)) continue;
    part.totals[cell.state] += 1;
    for (const name of new Set(cell.tasks.map((task) => task.namespace))) addCell(part.namespaces, name, cell);
  }
  return part;
}

function addCell(found, name, cell) {
  let own = found.get(name);
  if (!own) found.set(name, (own = Object.fromEntries(FIELDS.map((field) => [field, 0]))));
  own.held += 1;
  if (cell.utilization !== null) {
    own.measured += 1;
    own.used += cell.utilization;
  }
  if (cell.state === "idle") {
    own.idle += 1;
    // It has been idle since the last of its tasks was.
    own.idleSince += Math.max(...cell.tasks.map((task) => idleSince(task) ?? present())) - ORIGIN;
  }
}
