// Everything in its place: banners, header, the view, the live region, dialogs.
import { html, useEffect, useRef } from "../core/html.js";
import { tokenRequest } from "../client/token.js";
import { announcement } from "../core/announce.js";
import { href, route } from "../core/router.js";
import { beginAt } from "../core/scrolling.js";
import { cluster } from "../cluster/store.js";
import { VIEWS } from "../views/views.js";
import { CopyMenu } from "./copy.js";
import { Dialogs } from "../search/dialogs.js";
import { ErrorBoundary } from "./error_boundary.js";
import { Header } from "./header.js";
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
    ${tokenRequest.value && html`<${TokenDialog} request=${tokenRequest.value} />`}`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** The view of the present route. */
function View() {
  const { name, path } = route.value;
  const place = path.join("/");
  // What is called like a property of every object is no view.
  const found = Object.hasOwn(VIEWS, name) ? VIEWS[name] : undefined;
  const first = useRef(true);
  useEffect(() => {
    document.title = [path.slice(1).join("/"), found?.title, cluster.value, "Lens"].filter(Boolean).join(" · ");
    beginAt(place);
    // Who follows a link begins at the new view, and not at the page's head.
    if (!first.current) document.getElementById("main").focus({ preventScroll: true });
    first.current = false;
  }, [place]);
  if (!found) return html`<${NoView} name=${name} />`;
  return html`<${ErrorBoundary} key=${place}><${found.view} route=${route.value} /></${ErrorBoundary}>`;
}

function NoView({ name }) {
  return html`<section class="sheet">
    <h1>There is no page “${name}”</h1>
    <p><a href=${href()}>The overview</a> shows what there is.</p>
  </section>`;
}
