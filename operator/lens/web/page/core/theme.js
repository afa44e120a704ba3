// Light, dark, or what the system says; kept in the browser.
import { effect, signal } from "./html.js";

const KEY = "lens-theme";
export const THEMES = ["auto", "light", "dark"];

export const theme = signal(THEMES.includes(stored()) ? stored() : "auto");

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Take the next theme. */
export function nextTheme() {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // A browser that keeps nothing has the theme until the tab is closed.
  }
}

/** Grows when colours change: canvases draw again. */
export const themeRevision = signal(0);

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  themeRevision.value = themeRevision.peek() + 1;
});

for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
  matchMedia(query).addEventListener("change", () => (themeRevision.value += 1));
}
