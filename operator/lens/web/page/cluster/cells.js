// The cells of each node, made anew when the node or one of its tasks has changed, and the groups in which nodes are shown.
import { signal } from "../core/html.js";
import { cellsOf, cellsOfTasks } from "./gpu_states.js";
import { nodes, tasks, tasksByNode } from "./store.js";
import { byName } from "../lists/query.js";

const NO_TASKS = new Map();

/** The cells of all nodes. Listeners get the names of nodes whose cells have changed; `structure` grows when nodes come, go or change their product or size. */
class Cells {
  constructor() {
    this.structure = signal(0);
    this._cache = new Map();
    this._listeners = new Set();
    nodes.listen((changed) => {
      let moved = false;
      for (const [name, old, row] of changed) {
        this._cache.delete(name);
        moved ||= old?.total_gpus !== row?.total_gpus || old?.product !== row?.product;
      }
      if (moved) this.structure.value += 1;
      this._tell(changed.map(([name]) => name));
    });
    tasks.listen((changed) => {
      const names = new Set();
      for (const [, old, row] of changed) {
        if (old) names.add(old.node_name);
        if (row) names.add(row.node_name);
      }
      for (const name of names) this._cache.delete(name);
      if (!nodes.size) this.structure.value += 1;
      this._tell(names);
    });
  }

  /** The cells of a node; of the GPUs that tasks hold there if the caller may not see nodes; [] for one that is gone. */
  of(name) {
    let found = this._cache.get(name);
    if (!found) {
      const node = nodes.get(name);
      const own = (tasksByNode.get(name) ?? NO_TASKS).values();
      found = node ? cellsOf(node, own) : cellsOfTasks(own);
      this._cache.set(name, found);
    }
    return found;
  }

  listen(listener) {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  _tell(names) {
    for (const listener of this._listeners) listener(names);
  }
}

export const cells = new Cells();

/** Groups of nodes with GPUs: [{ product, names, total }], those with the most GPUs first, nodes by name.
 *
 * If the caller may not see nodes, one group of the nodes on which tasks hold GPUs; its product is undefined. */
export function groups() {
  void cells.structure.value;
  if (!nodes.size) return tasksByNode.size ? [ofTasks()] : [];
  const found = new Map();
  for (const node of nodes.map.values()) {
    if (!node.total_gpus) continue;
    let group = found.get(node.product);
    if (!group) found.set(node.product, (group = { product: node.product, names: [], total: 0 }));
    group.names.push(node.node_name);
    group.total += node.total_gpus;
  }
  for (const group of found.values()) group.names.sort(byName);
  return [...found.values()].sort((a, b) => b.total - a.total || byName(String(a.product), String(b.product)));
}

function ofTasks() {
  const names = [...tasksByNode.keys()].sort(byName);
  return { product: undefined, names, total: names.reduce((sum, name) => sum + cells.of(name).length, 0) };
}
