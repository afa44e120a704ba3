// The map as elements, for up to 1,500 nodes: a grid by the ARIA practices, with one stop of the Tab key.
//
// It isn't made of preact's elements: of 12,000 cells those few change that a frame has news of.
import { counted } from "../core/format.js";
import { nodes } from "../cluster/store.js";
import { cells } from "../cluster/cells.js";
import { nodeHref } from "../parts/link.js";
import { label, look, title } from "./colouring.js";
import { nameParts } from "./tile_name.js";

/** GPUs of a node in one line; those of larger nodes wrap. */
const MAX_IN_LINE = 16;

/** So many nodes are drawn at once, and more of them in turns of so long: a thousand take longer than all other figures. */
const FIRST_NODES = 64;
const TURN_MS = 20;

export class DomMap {
  /** `onInspect(name, index)` is called for what the pointer or the focus is on (null, null for nothing), `onOpen(name)` for Enter and a click. */
  constructor(root, { onInspect, onOpen }) {
    this._root = root;
    this._onInspect = onInspect;
    this._onOpen = onOpen;
    this._tiles = new Map();
    this._order = [];
    this._toDraw = [];
    this._current = null;
    this._listeners = [
      ["keydown", (event) => this._key(event)],
      ["click", (event) => this._click(event)],
      ["focusin", (event) => this._inspect(event)],
      ["focusout", () => onInspect(null, null)],
      ["pointerover", (event) => this._inspect(event)],
      ["pointerleave", () => this._left()],
    ];
    for (const [type, run] of this._listeners) root.addEventListener(type, run);
  }

  destroy() {
    clearTimeout(this._turn);
    for (const [type, run] of this._listeners) this._root.removeEventListener(type, run);
    this._root.replaceChildren();
  }

  /** Show groups of nodes; elements of nodes that stay are kept. */
  arrange(groups) {
    const before = this._tiles;
    this._tiles = new Map();
    this._order = groups.flatMap(({ names }) => names);
    this._toDraw = [];
    const sections = groups.map((group) => {
      const section = element("section", "map-group");
      const head = element("h3", "map-group-head");
      const name = element("span", "", title(group));
      name.title = group.product ?? "";
      head.append(
        name,
        element(
          "span",
          "muted",
          ` ${counted(group.total, "GPU")} on ${counted(group.names.length, "node")}`,
        ),
      );
      const grid = element("div", "map-grid");
      grid.setAttribute("role", "grid");
      grid.style.setProperty(
        "--per-node",
        String(Math.min(MAX_IN_LINE, Math.max(1, ...group.names.map((name) => cells.of(name).length)))),
      );
      grid.setAttribute("aria-label", `GPUs by node: ${title(group)}`);
      this._toDraw.push(...group.names.map((name) => ({ grid, name, tile: before.get(name) })));
      section.append(head, grid);
      return section;
    });
    this._toDraw.reverse();
    this._draw(before.size ? Infinity : FIRST_NODES);
    const focused = this._root.contains(document.activeElement) ? document.activeElement : null;
    this._root.replaceChildren(...sections);
    if (!this._current || !this._tiles.has(this._current.name))
      this._current = this._order.length ? { name: this._order[0], index: 0 } : null;
    this._rove();
    if (focused) this._cell()?.focus({ preventScroll: true });
  }

  /** Draw at least so many of the nodes that aren't drawn yet, and the others in the next turns. */
  _draw(least) {
    clearTimeout(this._turn);
    const until = performance.now() + TURN_MS;
    for (let number = 0; this._toDraw.length && (number < least || performance.now() < until); number++) {
      const { grid, name, tile = new Tile(name) } = this._toDraw.pop();
      this._tiles.set(name, tile);
      grid.append(tile.element);
      this.paint([name]);
    }
    if (this._toDraw.length) this._turn = setTimeout(() => this._draw(0), 0);
  }

  /** Take the way of colouring; { colouring, slots, now } as in colouring.js. */
  colour(how) {
    this._how = how;
    this.paint(this._order);
  }

  /** Paint the nodes with these names again. */
  paint(names) {
    if (!this._how) return;
    for (const name of names) this._tiles.get(name)?.paint(this._how);
  }

  /** Put the focus on a node's first cell. */
  focus(name) {
    this._draw(Infinity);
    if (!this._tiles.has(name)) return;
    this._current = { name, index: 0 };
    this._rove();
    this._cell()?.focus();
  }

  _cell() {
    return this._current && this._tiles.get(this._current.name)?.cell(this._current.index);
  }

  /** One cell alone is a stop of the Tab key. */
  _rove() {
    this._stop?.setAttribute("tabindex", "-1");
    this._stop = this._cell() ?? null;
    this._stop?.setAttribute("tabindex", "0");
  }

  _found(target) {
    const own = target.closest?.("[data-node]");
    if (!own) return null;
    const name = own.dataset.node;
    const index = target.classList.contains("cell") ? [...target.parentElement.children].indexOf(target) : null;
    return { name, index };
  }

  _inspect(event) {
    const found = this._found(event.target);
    if (event.type === "focusin" && found?.index !== null && found) {
      this._current = found;
      this._rove();
    }
    if (found) this._onInspect(found.name, found.index);
  }

  _left() {
    if (this._root.contains(document.activeElement) && this._current)
      this._onInspect(this._current.name, this._current.index);
    else this._onInspect(null, null);
  }

  _click(event) {
    const found = this._found(event.target);
    if (!found || event.target.closest("a")) return;
    if (found.index !== null) {
      this._current = found;
      this._rove();
    }
    this._onOpen(found.name);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.classList.contains("cell")) return;
    this._draw(Infinity);
    const at = this._current;
    const order = this._order.indexOf(at.name);
    const last = this._tiles.get(at.name).size - 1;
    let next = null;
    if (event.key === "Enter" || event.key === " ") this._onOpen(at.name);
    else if (event.key === "ArrowRight") next = at.index < last ? [order, at.index + 1] : [order + 1, 0];
    else if (event.key === "ArrowLeft") next = at.index > 0 ? [order, at.index - 1] : [order - 1, Infinity];
    else if (event.key === "ArrowDown") next = this._line(at, 1);
    else if (event.key === "ArrowUp") next = this._line(at, -1);
    else if (event.key === "Home") next = event.shiftKey ? [0, 0] : [order, 0];
    else if (event.key === "End") next = [order, Infinity];
    else if (event.key === "PageDown") next = this._line(at, 5);
    else if (event.key === "PageUp") next = this._line(at, -5);
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (next) this._move(...next);
  }

  _move(order, index) {
    const name = this._order[order];
    if (name === undefined) return;
    this._current = { name, index: Math.min(index, this._tiles.get(name).size - 1) };
    this._rove();
    this._cell()?.focus();
    this._cell()?.scrollIntoView({ block: "nearest" });
  }

  /** The tile that is `lines` lines below (above, if negative) and nearest in x: [order, index]. */
  _line({ name, index }, lines) {
    const here = this._tiles.get(name).element;
    const direction = Math.sign(lines);
    let order = this._order.indexOf(name);
    let best = null;
    let line = here.offsetTop;
    let left = Math.abs(lines);
    for (order += direction; order >= 0 && order < this._order.length; order += direction) {
      const tile = this._tiles.get(this._order[order]).element;
      if (tile.offsetTop !== line) {
        if (left === 0) break;
        left -= 1;
        line = tile.offsetTop;
        best = null;
      } else if (best === null) continue;
      const distance = Math.abs(tile.offsetLeft - here.offsetLeft);
      if (best === null || distance < best.distance) best = { order, distance };
    }
    return best && [best.order, index];
  }
}

/** A node's element: its name, and a cell for each GPU. */
class Tile {
  constructor(name) {
    this.name = name;
    this.element = element("div", "tile");
    this.element.setAttribute("role", "row");
    this.element.dataset.node = name;
    const head = element("span", "tile-name");
    head.setAttribute("role", "rowheader");
    this._link = element("a");
    this._link.append(...nameParts(name).map((part) => element("span", "", part)));
    this._link.tabIndex = -1;
    this._link.title = name;
    this._link.setAttribute("aria-label", name);
    head.append(this._link);
    this._cells = element("span", "tile-cells");
    this._cells.setAttribute("role", "presentation");
    this.element.append(head, this._cells);
    this._painted = [];
  }

  get size() {
    return this._cells.childElementCount;
  }

  cell(index) {
    return this._cells.children[Math.min(index, this.size - 1)];
  }

  paint({ colouring, slots, now }) {
    const all = cells.of(this.name);
    const node = nodes.get(this.name);
    const closed = node && !node.schedulable ? "tile closed-node" : "tile";
    if (this.element.className !== closed) this.element.className = closed;
    const to = nodeHref(this.name);
    if (this._link.getAttribute("href") !== to) this._link.setAttribute("href", to);
    while (this.size > all.length) {
      this._cells.lastElementChild.remove();
      this._painted.pop();
    }
    all.forEach((cell, i) => {
      let own = this._cells.children[i];
      if (!own) {
        own = element("span", "cell");
        own.setAttribute("role", "gridcell");
        own.tabIndex = -1;
        this._cells.append(own);
      }
      const before = this._painted[i];
      const painted = look(cell, colouring, slots, now);
      // The task itself is in the words; a new row of the same one says the same.
      if (before?.look !== painted) {
        own.className = `cell ${painted.look}`;
        if (before?.look.letter !== painted.letter) own.dataset.letter = painted.letter;
      }
      if (before?.state !== cell.state) own.dataset.state = cell.state;
      if (before?.state !== cell.state || before.length !== all.length || !same(before.tasks, cell.tasks))
        own.setAttribute("aria-label", label(this.name, i, all));
      this._painted[i] = { look: painted, state: cell.state, tasks: cell.tasks, length: all.length };
    });
  }
}

function same(a, b) {
  return a.length === b.length && a.every((task, i) => task.pod_uid === b[i].pod_uid);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
