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
