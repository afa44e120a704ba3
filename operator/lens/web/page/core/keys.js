// Keys of the whole page, and the list of them that `?` shows.
import { useEffect } from "./html.js";

/** Registered keys: { key, what, run }. The last one of a key counts. */
const registered = new Set();

/** What the keys do now, for the help: [{ key, what }]. Keys that components handle themselves are listed too. */
export function listed() {
  return [...registered].map(({ key, what }) => ({ key, what }));
}

/** Register a key while `run` (may be null: only listed) is in use; returns a function that removes it. */
export function register(key, what, run = null) {
  const entry = { key, what, run };
  registered.add(entry);
  return () => registered.delete(entry);
}

/** The same for as long as a component is shown. */
export function useKey(key, what, run = null) {
  useEffect(() => register(key, what, run), [key, what, run]);
}

function isTyping(target) {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target) && event.key !== "Escape") return;
  // Esc closes what is open, and goes nowhere.
  if (document.querySelector("dialog[open], :popover-open")) return;
  const found = [...registered].reverse().find(({ key, run }) => key === event.key && run);
  if (found && found.run(event) !== false) event.preventDefault();
});
