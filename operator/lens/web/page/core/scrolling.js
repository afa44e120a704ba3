// Where a view begins: at its top when a link leads there, and where it was left when one goes back.
const left = new Map();
let place = null;
let isBack = false;

history.scrollRestoration = "manual";
addEventListener("scroll", () => left.set(place, scrollY), { passive: true });
// Without the Navigation API every view begins at its top.
globalThis.navigation?.addEventListener("navigate", ({ navigationType }) => (isBack = navigationType === "traverse"));

/** Scroll to where a view begins, once it's drawn. `name` is its place in the address. */
export function beginAt(name) {
  place = name;
  scrollTo(0, isBack ? (left.get(name) ?? 0) : 0);
}
