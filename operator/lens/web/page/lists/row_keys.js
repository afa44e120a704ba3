// Arrows in a table: from a row's link to the one below or above. Enter opens it, as any link.

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/** For a table's scrolling element: onKeyDown=${onRowKey}. */
export function onRowKey(event) {
  const step = STEPS[event.key];
  if (!step || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
  const region = event.currentTarget;
  const row = event.target.closest("tbody tr");
  const next = row ? (step > 0 ? row.nextElementSibling : row.previousElementSibling) : region.querySelector("tbody tr:not(.spacer)");
  if (!next || next.classList.contains("spacer")) return;
  const at = row ? focusable(row).indexOf(event.target.closest("a, button")) : 0;
  const inside = focusable(next);
  const target = inside[Math.max(0, at)] ?? inside[0];
  if (!target) return;
  event.preventDefault();
  target.focus();
}

const focusable = (row) => [...row.querySelectorAll("a[href], button")];
