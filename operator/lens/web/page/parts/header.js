// The head of the page: which cluster, how old its figures are, where else to go.
import { html, useEffect, useRef } from "../core/html.js";
import { announce } from "../core/announce.js";
import { access, can, clusterNames, level } from "../client/access.js";
import { duration, dateTime } from "../core/format.js";
import { age, connection, isStale, reconnect, timestamp } from "../client/live.js";
import { go, href, route } from "../core/router.js";
import { nextTheme, theme } from "../core/theme.js";
import { askForToken, token } from "../client/token.js";
import { openDialog } from "../search/dialogs.js";
import { VIEWS } from "../views/views.js";

export function Header() {
  return html`<header class="header" data-state=${headerState()}>
    <a class="brand" href=${href()} aria-label="Lens, overview"><span class="mark" aria-hidden="true"></span><span class="brand-name">Lens</span></a>
    <${ClusterChoice} />
    <${Age} />
    <${Navigation} />
    <div class="tools">
      <button type="button" class="quiet" onClick=${() => (openDialog.value = "search")} title="Search (/)">Search<kbd aria-hidden="true">/</kbd></button>
      <button type="button" class="quiet" onClick=${() => (openDialog.value = "help")} title="Help (?)" aria-label="Help"><kbd aria-hidden="true">?</kbd></button>
      <button type="button" class="quiet" onClick=${nextTheme} title="Theme: auto, light, dark">
        <span aria-hidden="true">${{ auto: "◐", light: "☀", dark: "☾" }[theme.value]}</span><span class="visually-hidden">Theme: ${theme.value}</span></button>
      <button type="button" class="quiet" onClick=${() => askForToken("")}>${token.value ? "Token" : "Sign in"}</button>
    </div>
  </header>`;
}

/** "live", "stale" (the figures are old), "lost" (no connection to Lens), "hidden", "denied", "starting". */
export function headerState() {
  const { state } = connection.value;
  if (isStale.value) return "stale";
  if (state === "waiting") return "lost";
  if (state === "denied" || state === "missing") return "denied";
  if (state === "hidden") return "hidden";
  return age.value === null ? "starting" : "live";
}

function ClusterChoice() {
  const found = access.value;
  if (!found) return html`<span class="cluster"></span>`;
  const names = clusterNames.value;
  const namespace = level.value === "all" ? null : found.namespace?.name;
  const change = (event) => go({ cluster: event.target.value, namespace: null });
  return html`<span class="cluster">
    ${names.length > 1
      ? html`<label><span class="visually-hidden">Cluster</span><select value=${found.cluster} onChange=${change}>${names.map((name) => html`<option key=${name}>${name}</option>`)}</select></label>`
      : html`<strong>${found.cluster}</strong>`}
    ${namespace && html`<span class="scope">namespace <strong>${namespace}</strong></span>`}
    ${level.value === "capacity" && !namespace && html`<span class="scope">capacity only</span>`}
  </span>`;
}

/** Why there is no connection. */
function lostWord(error) {
  if (error?.status === 429) return "too many requests";
  return error?.status === 503 ? "Lens isn't ready" : "no connection";
}

const WORDS = { live: "live", stale: "old figures", lost: "no connection", hidden: "paused", denied: "no access", starting: "connecting" };

function Age() {
  const state = headerState();
  const { seconds, error } = connection.value;
  const word = state === "lost" ? lostWord(error) : state === "denied" && !token.value ? "not signed in" : WORDS[state];
  const before = useRef("starting");
  useEffect(() => {
    if (before.current !== state && before.current !== "starting") announce(`${word}`);
    before.current = state;
  }, [state]);
  const text = age.value === null ? null : age.value < 10 ? `${age.value.toFixed(1)} s` : duration(age.value);
  return html`<span class="age" title=${timestamp.value ? `Figures of ${dateTime(timestamp.value)}` : undefined}>
    <span class="dot" aria-hidden="true"></span><span class="word">${word}</span>
    ${text !== null && html` <span class="figure" data-figure="freshness.age_seconds">${text}</span><span class="word"> old</span>`}
    ${state === "lost" && html`<button type="button" class="small" onClick=${reconnect}>Try now</button><span class="visually-hidden">The next attempt is in ${Math.ceil(seconds ?? 0)} s</span>`}
  </span>`;
}

function Navigation() {
  const parts = { ...can.value, clusters: can.value.clusters && clusterNames.value.length > 1 };
  // Before it's known what the caller may see there is one view.
  const isShown = ([name, { nav, part }]) =>
    nav && (name === "overview" || (access.value && (part === null || parts[part])));
  return html`<nav aria-label="Views">
    ${Object.entries(VIEWS).filter(isShown).map(
      ([name, view]) => html`<a key=${name} href=${name === "overview" ? href() : href(name)} aria-current=${route.value.name === name ? "page" : undefined}>${view.nav}</a>`,
    )}
  </nav>`;
}
