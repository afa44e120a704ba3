// Parts that are loaded when they're first shown.
import { html, useEffect, useState } from "../core/html.js";
import { NotLoaded } from "./not_loaded.js";

/** A component whose module is loaded when it's first shown; load() returns a promise of the component. */
export function lazy(load) {
  let loaded = null;
  return function Lazy(props) {
    const [, setLoads] = useState(0);
    useEffect(() => {
      if (loaded) return;
      load()
        .catch((error) => {
          console.error(error);
          return NotLoaded;
        })
        .then((component) => {
          loaded = component;
          setLoads((loads) => loads + 1);
        });
    }, []);
    return loaded ? html`<${loaded} ...${props} />` : html`<p class="muted">…</p>`;
  };
}

let styles = null;

/** The same for the default component of a module behind the first screen, and for the styles that these share. */
export function beyond(load) {
  return lazy(() => Promise.all([load(), (styles ??= loadStyles())]).then(([module]) => module.default));
}

/** Without them a view is plain, but there. */
function loadStyles() {
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("../styles/pages.css", import.meta.url).href;
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}
