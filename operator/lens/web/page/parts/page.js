// Everything in its place: banners, header, the view, the live region, dialogs.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { announcement } from "../core/announce.js";
import { route } from "../core/router.js";
import { cluster } from "../cluster/store.js";
import { VIEWS } from "../views/views.js";
import { CopyMenu } from "./copy.js";
import { Dialogs } from "./dialogs.js";
import { ErrorBoundary } from "./error_boundary.js";
import { Header } from "./header.js";
import { NotLoaded } from "./not_loaded.js";
import { Notices, Obstacle } from "./notices.js";
import { TokenDialog } from "./token_dialog.js";

export function Page() {
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <${Header} />
    <${Notices} />
    <main id="main" tabindex="-1">
      <${Obstacle}><${View} /></${Obstacle}>
    </main>
    <div class="visually-hidden" role="status" aria-live="polite">${announcement}</div>
    <${CopyMenu} />
    <${Dialogs} />
    <${TokenDialog} />`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

const loaded = new Map();

/** The view of the present route, once its module is there. */
function View() {
  const { name, path } = route.value;
  const place = path.join("/");
  const view = VIEWS[name];
  const [, setLoads] = useState(0);
  const first = useRef(true);
  useEffect(() => {
    document.title = [path.slice(1).join("/"), view?.title, cluster.value, "Lens"].filter(Boolean).join(" · ");
    // Who follows a link begins at the new view, and not at the page's head.
    if (!first.current) document.getElementById("main").focus({ preventScroll: true });
    first.current = false;
  }, [place]);
  useEffect(() => {
    if (!view || loaded.has(name)) return;
    view
      .load()
      .then((module) => loaded.set(name, module.default))
      .catch((error) => {
        console.error(error);
        loaded.set(name, NotLoaded);
      })
      .finally(() => setLoads((n) => n + 1));
  }, [name]);
  if (!view) return html`<section class="sheet"><h1>There is no page “${name}”</h1><p><a href="#/">The overview</a> shows what there is.</p></section>`;
  const Shown = loaded.get(name);
  if (!Shown) return html`<p class="boot">Loading …</p>`;
  return html`<${ErrorBoundary} key=${place}><${Shown} route=${route.value} /></${ErrorBoundary}>`;
}
