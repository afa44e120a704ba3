// Texts for screen readers: at most one in five seconds, except for the effects of the user's own actions.
import { signal } from "./html.js";

/** The text of the page's one live region. */
export const announcement = signal("");

const PAUSE_MS = 5000;
let last = -Infinity;
let timer = null;

/** Announce what changed by itself; texts that follow too soon replace one another. */
export function announce(text) {
  clearTimeout(timer);
  timer = setTimeout(() => say(text), Math.max(0, last + PAUSE_MS - performance.now()));
}

/** Announce the effect of an action, at once. */
export function say(text) {
  clearTimeout(timer);
  last = performance.now();
  // The same text again is a change too.
  announcement.value = announcement.peek() === text ? `${text}\u00a0` : text;
}
