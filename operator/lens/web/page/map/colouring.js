// What a cell's colour and shape say: its state, its utilization, its namespace, or the age of its task.
import { count, counted, duration, percent, product, since } from "../core/format.js";
import { STATES } from "../cluster/gpu_states.js";
import { stateName, states } from "../cluster/state_names.js";
import { sampled } from "../core/sampled.js";
import { tasks } from "../cluster/store.js";
import { namespaceGpus } from "../cluster/usage.js";

/** Namespaces with a colour and a letter of their own; all others share one. */
const MAX_NAMED = 7;

/** The ways to colour: { id, name }. */
export const COLOURINGS = [
  { id: "state", name: "state" },
  { id: "utilization", name: "utilization" },
  { id: "namespace", name: "namespace" },
  { id: "age", name: "age" },
];

const UTILIZATION = [1, 25, 50, 75];
const UTILIZATION_WORDS = ["≤ 1 %", "≤ 25 %", "≤ 50 %", "≤ 75 %", "> 75 %"];
const AGE = [3600, 6 * 3600, 86400, 7 * 86400];
const AGE_WORDS = ["≤ 1 h", "≤ 6 h", "≤ 1 d", "≤ 7 d", "> 7 d"];

/** The namespaces that hold the most GPUs, each with its place among the colours, which it keeps while it's among them. */
export const namespaceSlots = sampled(2000, [tasks.revision], () => {
  const first = [...namespaceGpus()]
    .sort((a, b) => b[1].held - a[1].held || (a[0] < b[0] ? -1 : 1))
    .slice(0, MAX_NAMED)
    .map(([name]) => name);
  for (const [name] of kept) if (!first.includes(name)) kept.delete(name);
  const taken = new Set(kept.values());
  for (const name of first) {
    if (kept.has(name)) continue;
    const slot = Array.from({ length: MAX_NAMED }, (_, i) => i).find((i) => !taken.has(i));
    taken.add(slot);
    kept.set(name, slot);
  }
  // The same one as long as it says the same: a new one has the whole map painted again.
  const next = JSON.stringify([...kept]);
  if (next !== shownAs) [shown, shownAs] = [new Map(kept), next];
  return shown;
});
const kept = new Map();
let shown = kept;
let shownAs = null;

export const letter = (slot) => String.fromCharCode(65 + slot);

function level(value, bounds) {
  const found = bounds.findIndex((bound) => value <= bound);
  return found < 0 ? bounds.length : found;
}

/** { look, letter } of a cell: the class that colours and shapes it, and the letter in it. Cells that aren't held look the same in all of them. */
export function look(cell, colouring, slots, now) {
  if (cell.state === "free" || cell.state === "closed" || cell.state === "broken") return LOOKS[cell.state];
  switch (colouring) {
    case "utilization":
      return cell.utilization === null ? LOOKS.held : LOOKS[`level-${level(cell.utilization, UTILIZATION)}`];
    case "namespace": {
      const slot = cell.tasks.length ? (slots.get(cell.tasks[0].namespace) ?? "other") : null;
      return slot === null ? LOOKS.held : LOOKS[`ns-${slot}`];
    }
    case "age": {
      const age = cell.tasks.length ? since(cell.tasks[0].started_at, now) : null;
      return age === null ? LOOKS.held : LOOKS[`level-${level(age, AGE)}`];
    }
    default:
      return LOOKS[cell.state];
  }
}

const LOOKS = Object.fromEntries([
  ...STATES.map(({ id }) => [id, { look: id, letter: "" }]),
  ...UTILIZATION_WORDS.map((_, i) => [`level-${i}`, { look: `level-${i}`, letter: "" }]),
  ...Array.from({ length: MAX_NAMED }, (_, i) => [`ns-${i}`, { look: `ns-${i}`, letter: letter(i) }]),
  ["ns-other", { look: "ns-other", letter: "·" }],
]);

/** The legend: [{ look, letter, name, to }], without states if the colours don't show states. */
export function legend(colouring, slots) {
  if (colouring === "utilization") return UTILIZATION_WORDS.map((name, i) => ({ ...LOOKS[`level-${i}`], name }));
  if (colouring === "age") return AGE_WORDS.map((name, i) => ({ ...LOOKS[`level-${i}`], name }));
  if (colouring === "namespace") {
    const named = [...slots]
      .sort((a, b) => a[1] - b[1])
      .map(([name, slot]) => ({ ...LOOKS[`ns-${slot}`], name, to: ["tasks", { ns: name }] }));
    return [...named, { ...LOOKS["ns-other"], name: "others" }];
  }
  return states.value.map(({ id, name }) => ({ ...LOOKS[id], name }));
}

/** A cell in words that change with what it holds only. */
export function label(node, index, all) {
  const cell = all[index];
  const held = cell.tasks.length
    ? `, ${cell.tasks
        .slice(0, 2)
        .map((task) => `${task.namespace}/${task.pod_name}`)
        .join(", ")}${cell.tasks.length > 2 ? ` and ${counted(cell.tasks.length - 2, "more", "more")}` : ""}`
    : "";
  return `${node}, GPU ${index + 1} of ${all.length}: ${stateName(cell.state)}${held}`;
}

/** The same with what changes all the time. */
export function details(cell, now) {
  const found = [];
  if (cell.utilization !== null) found.push(percent(cell.utilization));
  if (cell.tasks.length === 1) {
    const age = since(cell.tasks[0].started_at, now);
    if (age !== null) found.push(`for ${duration(age)}`);
    if (cell.tasks[0].allocated_gpus > 1) found.push(`one of its ${count(cell.tasks[0].allocated_gpus)} GPUs`);
  }
  return found;
}

/** What a group of nodes is called. */
export function title(group) {
  return group.product === undefined ? "Held" : product(group.product);
}
