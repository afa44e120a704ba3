// The one module that imports vendor/: preact's elements by htm's templates, its hooks, and signals.
import { Component, Fragment, h, render } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { Component, Fragment, h, render };
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
export {
  batch,
  computed,
  effect,
  signal,
  untracked,
  useComputed,
  useSignal,
  useSignalEffect,
} from "../vendor/signals.js";

/** Elements from a template: html`<p class="x">${text}</p>`. What is put in is a text node, never markup. */
export const html = htm.bind(h);
