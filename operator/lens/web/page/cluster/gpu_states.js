// The states of GPUs: their names and looks, and the number of a node's GPUs in each.
//
// A node's row has numbers, and its tasks say how much of what is held works. Cells are slots: tasks one after
// another, then what isn't held. Which GPU is which by the driver is on the node's page.
import { signal } from "../core/html.js";

/** The utilization in percent up to which held GPUs are idle: a setting of the cluster's Lens, sent in the snapshot. */
export const idlePercent = signal(1);

/** In the order of the bar. `glyph` is shown beside or in the colour, for users who can't tell colours apart. */
export const STATES = [
  { id: "busy", name: "busy", glyph: "●", means: "Held by a pod, and working." },
  {
    id: "idle",
    name: "held, idle",
    glyph: "◐",
    get means() {
      return `Held by a pod, and used at most ${idlePercent.value} % now.`;
    },
  },
  { id: "held", name: "held, not measured", glyph: "◌", means: "Held, and nothing measures whether it works." },
  { id: "free", name: "free", glyph: "○", means: "A pod can get it now." },
  {
    id: "closed",
    name: "closed",
    glyph: "╱",
    means: "Free, but its node takes no pods: cordoned, not ready or tainted.",
  },
  { id: "broken", name: "broken", glyph: "✕", means: "Unhealthy, and held by nobody." },
];

export const STATE = Object.fromEntries(STATES.map((state) => [state.id, state]));

/** The state of held GPUs with a utilization in percent; null if it isn't measured. */
export function heldState(utilization) {
  if (utilization === null || utilization === undefined) return "held";
  return utilization <= idlePercent.peek() ? "idle" : "busy";
}

/** Cells of a node: [{ state, tasks, utilization }], as many as it has GPUs. */
export function cellsOf(node, tasks) {
  const cells = heldCells(node.allocated_gpus, tasks);
  const add = (state, number) => {
    for (let i = 0; i < number; i++) cells.push({ state, tasks: NO_TASKS, utilization: null });
  };
  add("free", node.available_gpus);
  add("closed", node.unavailable_gpus);
  add("broken", node.unhealthy_gpus);
  return cells;
}

/** Cells of the GPUs that tasks hold on a node whose row the caller may not see. */
export function cellsOfTasks(tasks) {
  const own = [...tasks];
  return heldCells(
    own.reduce((sum, task) => sum + task.allocated_gpus, 0),
    own,
  );
}

const NO_TASKS = Object.freeze([]);

function heldCells(allocated, tasks) {
  const slots = Array.from({ length: allocated }, () => []);
  const ordered = [...tasks].sort(byStart);
  const wanted = ordered.reduce((sum, task) => sum + task.allocated_gpus, 0);
  if (wanted <= allocated) {
    let next = 0;
    for (const task of ordered) for (let i = 0; i < task.allocated_gpus; i++) slots[next++].push(task);
  } else share(slots, ordered);
  return slots.map((own) => {
    const utilization = mean(own);
    return { state: stateOf(own, utilization), tasks: own.length ? own : NO_TASKS, utilization };
  });
}

/** One of the tasks that share a GPU is enough to make it busy, whether or not the others are measured. */
function stateOf(tasks, utilization) {
  return utilization === null && tasks.some((task) => task.utilization > idlePercent.peek()) ? "busy" : heldState(utilization);
}

/** Tasks that share GPUs: by the GPUs' UUIDs where they're known, and one after another where they aren't. */
function share(slots, tasks) {
  const slotOf = new Map();
  let next = 0;
  for (const task of tasks) {
    const uuids = task.gpu_uuids?.length ? task.gpu_uuids : [null];
    for (const uuid of uuids) {
      let slot = uuid === null ? undefined : slotOf.get(uuid);
      if (slot === undefined) {
        slot = next++ % slots.length;
        if (uuid !== null) slotOf.set(uuid, slot);
      }
      slots[slot]?.push(task);
    }
  }
}

function byStart(a, b) {
  const [x, y] = [a.started_at ?? "~", b.started_at ?? "~"];
  return x < y ? -1 : x > y ? 1 : a.pod_name < b.pod_name ? -1 : 1;
}

/** The mean utilization of the tasks on a GPU, null unless all of them are measured. */
function mean(tasks) {
  let sum = 0;
  for (const task of tasks) {
    if (task.utilization === null || task.utilization === undefined) return null;
    sum += task.utilization;
  }
  return tasks.length ? sum / tasks.length : null;
}
