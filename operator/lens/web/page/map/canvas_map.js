// The map as a canvas, for more than 1,500 nodes. Only visible nodes are drawn. One cell at a time is an element, for the keyboard.
import { effect } from "../core/html.js";
import { counted } from "../core/format.js";
import { themeRevision } from "../core/theme.js";
import { cells } from "../cluster/cells.js";
import { label, look, title } from "./colouring.js";

const CELL = 8;
const STEP = 9;
const TILE_GAP = 9;
const LINE = 16;
const HEAD = 30;

export class CanvasMap {
  /** As DomMap's. */
  constructor(root, { onInspect, onOpen }) {
    this._root = root;
    this._onInspect = onInspect;
    this._onOpen = onOpen;
    this._groups = [];
    this._lines = [];
    this._order = [];
    this._at = new Map();
    this._current = null;
    this._build();
    this._resized = new ResizeObserver(() => this._layout());
    this._resized.observe(root);
    this._unfollow = effect(() => {
      void themeRevision.value;
      this._colours = null;
      this._plan();
    });
  }

  _build() {
    const made = (tag, className, attributes = {}) => {
      const element = document.createElement(tag);
      element.className = className;
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      return element;
    };
    this._grid = made("div", "map-canvas", {
      role: "grid",
      tabindex: "0",
      "aria-label": "GPUs by node",
      "aria-activedescendant": "map-cell",
    });
    this._space = made("div", "map-space", { role: "presentation" });
    this._canvas = made("canvas", "", { "aria-hidden": "true" });
    const row = made("div", "visually-hidden", { role: "row" });
    this._cell = made("span", "", { role: "gridcell", id: "map-cell" });
    row.append(this._cell);
    this._grid.append(this._canvas, this._space, row);
    this._root.replaceChildren(this._grid);
    this._row = row;
    const on = (type, run) => this._grid.addEventListener(type, run);
    on("scroll", () => this._plan());
    on("keydown", (event) => this._key(event));
    on("focus", () => this._show());
    on("blur", () => {
      this._onInspect(null, null);
      this._plan();
    });
    on("pointermove", (event) => {
      const found = this._hit(event);
      this._grid.classList.toggle("over", found !== null);
      this._onInspect(found?.name ?? null, found?.index ?? null);
    });
    on("pointerleave", () => this._onInspect(null, null));
    on("click", (event) => {
      const found = this._hit(event);
      if (!found) return;
      this._current = found;
      this._onOpen(found.name);
    });
  }

  destroy() {
    this._unfollow();
    this._resized.disconnect();
    cancelAnimationFrame(this._frame);
    this._root.replaceChildren();
  }

  arrange(groups) {
    this._groups = groups;
    this._order = groups.flatMap(({ names }) => names);
    this._grid.setAttribute("aria-rowcount", String(this._order.length));
    if (!this._current || cells.of(this._current.name).length === 0)
      this._current = this._order.length ? { name: this._order[0], index: 0 } : null;
    this._layout();
  }

  colour(how) {
    this._how = how;
    this._plan();
  }

  paint(names) {
    for (const name of names) {
      const at = this._at.get(name);
      if (at && this._isVisible(at.y)) return this._plan();
    }
  }

  focus(name) {
    if (!this._at.has(name)) return;
    this._current = { name, index: 0 };
    this._grid.focus();
  }

  /** Where each node is: tiles one after another in lines as wide as the map. */
  _layout() {
    const width = this._grid.clientWidth;
    if (!width) return;
    this._width = width;
    this._lines = [];
    this._at = new Map();
    let y = 0;
    for (const group of this._groups) {
      this._lines.push({
        y,
        head: title(group),
        note: `${counted(group.total, "GPU")} on ${counted(group.names.length, "node")}`,
      });
      y += HEAD;
      // As many of the widest as a line has place for, and what is left of it between them.
      const widest = Math.max(...group.names.map((name) => cells.of(name).length)) * STEP;
      const number = Math.max(1, Math.floor((width + TILE_GAP) / (widest + TILE_GAP)));
      const stride = number > 1 ? (width - widest) / (number - 1) : 0;
      for (let i = 0; i < group.names.length; i += number) {
        if (i > 0) y += LINE;
        const names = group.names.slice(i, i + number);
        this._lines.push({ y, names });
        names.forEach((name, at) =>
          this._at.set(name, { x: Math.round(at * stride), y, line: this._lines.length - 1 }),
        );
      }
      y += LINE + 8;
    }
    this._height = y;
    this._space.style.height = `${y}px`;
    this._plan();
  }

  _isVisible(y) {
    return y + LINE >= this._grid.scrollTop && y <= this._grid.scrollTop + this._grid.clientHeight;
  }

  _plan() {
    this._frame ??= requestAnimationFrame(() => {
      this._frame = null;
      this._draw();
    });
  }

  _draw() {
    if (!this._how || !this._width) return;
    const ratio = devicePixelRatio || 1;
    const height = this._grid.clientHeight;
    const [w, h] = [Math.round(this._width * ratio), Math.round(height * ratio)];
    const canvas = this._canvas;
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
      canvas.style.width = `${this._width}px`;
      canvas.style.height = `${height}px`;
    }
    const top = this._grid.scrollTop;
    const context = canvas.getContext("2d");
    const colours = (this._colours ??= readColours(this._grid));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this._width, height);
    context.textBaseline = "alphabetic";
    for (const line of this._lines) {
      const y = line.y - top;
      if (y > height) break;
      if (y < -HEAD) continue;
      if (line.head !== undefined) {
        context.fillStyle = colours.ink;
        context.font = `600 13px ${colours.font}`;
        context.fillText(line.head, 0, y + 20);
        const wide = context.measureText(line.head).width;
        context.fillStyle = colours.ink2;
        context.font = `13px ${colours.font}`;
        context.fillText(line.note, wide + 10, y + 20, Math.max(1, this._width - wide - 10));
        continue;
      }
      for (const name of line.names) this._drawNode(context, colours, name, this._at.get(name).x, y);
    }
    if (document.activeElement === this._grid && this._current && this._at.has(this._current.name)) {
      const { x, y } = this._at.get(this._current.name);
      context.strokeStyle = colours.accent;
      context.lineWidth = 2;
      context.strokeRect(x + this._current.index * STEP - 2, y - top - 2, CELL + 4, CELL + 4);
    }
  }

  _drawNode(context, colours, name, x, y) {
    const { colouring, slots, now } = this._how;
    for (const cell of cells.of(name)) {
      const { look: id, letter } = look(cell, colouring, slots, now);
      drawCell(context, colours, id, letter, x, y);
      x += STEP;
    }
  }

  _hit(event) {
    const box = this._grid.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top + this._grid.scrollTop;
    const line = this._lines.findLast((each) => each.y <= y);
    if (!line?.names || y > line.y + STEP) return null;
    for (const name of line.names) {
      const index = Math.floor((x - this._at.get(name).x) / STEP);
      if (index >= 0 && index < cells.of(name).length) return { name, index };
    }
    return null;
  }

  _show() {
    if (!this._current || !this._at.has(this._current.name)) return;
    const { name, index } = this._current;
    const all = cells.of(name);
    const { y } = this._at.get(name);
    if (y < this._grid.scrollTop) this._grid.scrollTop = y - HEAD;
    else if (y + LINE > this._grid.scrollTop + this._grid.clientHeight)
      this._grid.scrollTop = y + LINE - this._grid.clientHeight;
    this._row.setAttribute("aria-rowindex", String(this._order.indexOf(name) + 1));
    this._cell.textContent = label(name, Math.min(index, all.length - 1), all);
    this._onInspect(name, index);
    this._plan();
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this._current) return;
    const { name, index } = this._current;
    const order = this._order.indexOf(name);
    const last = cells.of(name).length - 1;
    let next = null;
    if (event.key === "Enter" || event.key === " ") this._onOpen(name);
    else if (event.key === "ArrowRight") next = index < last ? [name, index + 1] : [this._order[order + 1], 0];
    else if (event.key === "ArrowLeft") next = index > 0 ? [name, index - 1] : [this._order[order - 1], Infinity];
    else if (event.key === "ArrowDown") next = this._line(1);
    else if (event.key === "ArrowUp") next = this._line(-1);
    else if (event.key === "PageDown") next = this._line(10);
    else if (event.key === "PageUp") next = this._line(-10);
    else if (event.key === "Home") next = [event.shiftKey ? this._order[0] : name, 0];
    else if (event.key === "End") next = [name, Infinity];
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (!next || next[0] === undefined) return;
    this._current = { name: next[0], index: Math.min(next[1], cells.of(next[0]).length - 1) };
    this._show();
  }

  /** The node `by` lines below that is nearest in x. */
  _line(by) {
    const { name, index } = this._current;
    const here = this._at.get(name);
    const lines = this._lines.filter((each) => each.names);
    const at = lines.indexOf(this._lines[here.line]);
    const line = lines[Math.max(0, Math.min(lines.length - 1, at + by))];
    const nearest = line.names.reduce((a, b) =>
      Math.abs(this._at.get(b).x - here.x) < Math.abs(this._at.get(a).x - here.x) ? b : a,
    );
    return [nearest, index];
  }
}

/** The colours of looks, as the style sheet has them for this theme. */
function readColours(element) {
  const style = getComputedStyle(element);
  const probe = document.createElement("span");
  element.append(probe);
  // light-dark() and system colours are only resolved where they're used.
  const resolved = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const names = [
    "busy",
    "idle",
    "held",
    "free",
    "closed",
    "broken",
    "ink",
    "ink-2",
    "accent",
    "surface",
    ...Array.from({ length: 5 }, (_, i) => `level-${i}`),
    ...Array.from({ length: 7 }, (_, i) => `ns-${i}`),
    "ns-other",
  ];
  const found = Object.fromEntries(names.map((name) => [name === "ink-2" ? "ink2" : name, resolved(`--${name}`)]));
  probe.remove();
  return { ...found, font: style.fontFamily };
}

/** One cell: a colour and a shape. */
function drawCell(context, colours, id, letter, x, y) {
  context.fillStyle = context.strokeStyle = colours[id];
  switch (id) {
    case "free":
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
      return;
    case "closed":
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, y + 0.5, CELL - 1, CELL - 1);
      line(context, x + 1, y + CELL - 1, x + CELL - 1, y + 1);
      return;
    case "broken":
      context.lineWidth = 1.8;
      line(context, x + 1, y + CELL - 1, x + CELL - 1, y + 1);
      line(context, x + 1, y + 1, x + CELL - 1, y + CELL - 1);
      return;
    case "idle":
      context.fillRect(x, y, CELL, CELL);
      context.fillStyle = colours.surface;
      context.fillRect(x + 2, y + 3, CELL - 4, 2);
      return;
    case "held":
      context.fillRect(x, y, CELL, CELL);
      context.fillStyle = colours.surface;
      context.fillRect(x + 3, y + 3, 2, 2);
      return;
    default:
  }
  const level = /^level-(\d)$/.exec(id);
  if (level) {
    const full = ((Number(level[1]) + 1) / 5) * CELL;
    context.globalAlpha = 0.25;
    context.fillRect(x, y, CELL, CELL);
    context.globalAlpha = 1;
    context.fillRect(x, y + CELL - full, CELL, full);
    return;
  }
  context.fillRect(x, y, CELL, CELL);
  if (letter) {
    context.fillStyle = colours.surface;
    context.font = `600 7px ${colours.font}`;
    context.textAlign = "center";
    context.fillText(letter, x + CELL / 2, y + CELL - 1.5);
    context.textAlign = "start";
  }
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}
