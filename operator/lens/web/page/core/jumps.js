// Keys that go to views: `g` and a letter. Esc goes back.
import { register } from "./keys.js";
import { go, route } from "./router.js";

const JUMPS = { o: [], n: ["nodes"], t: ["tasks"], p: ["pending"], a: ["alerts"], e: ["events"], h: ["history"], c: ["clusters"] };

/** Milliseconds between `g` and the letter. */
const PAUSE_MS = 1500;

let waiting = null;
let visited = 0;

/** Take these keys from now on; returns a function that ends it. */
export function takeJumps() {
  const begin = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => (waiting = null), PAUSE_MS);
  };
  const end = (event) => {
    if (waiting === null || event.ctrlKey || event.metaKey || event.altKey) return;
    clearTimeout(waiting);
    waiting = null;
    const to = Object.hasOwn(JUMPS, event.key) ? JUMPS[event.key] : null;
    if (to === null) return;
    // Another key's own meaning, such as that of `t`, doesn't count here.
    event.preventDefault();
    event.stopImmediatePropagation();
    go(...to);
  };
  const count = () => (visited += 1);
  addEventListener("keydown", end, { capture: true });
  addEventListener("hashchange", count);
  const removers = [
    register("g", "begin of a jump", begin),
    ...Object.entries(JUMPS).map(([key, to]) => register(`g ${key}`, to[0] ?? "overview")),
    register("Escape", "back", back),
  ];
  return () => {
    removeEventListener("keydown", end, { capture: true });
    removeEventListener("hashchange", count);
    for (const remove of removers) remove();
  };
}

/** Out of a field first; then to where one came from, or up. */
function back() {
  const field = document.activeElement;
  if (field?.matches("input, select, textarea")) return field.blur();
  const path = route.value.path;
  if (!path.length) return false;
  if (visited > 0) history.back();
  else go(...path.slice(0, path.length > 1 ? 1 : 0));
}
