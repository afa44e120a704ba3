// The live cluster: asks what the caller may see, and keeps the stream of that in the store.
import { batch, computed, effect, signal, untracked } from "../core/html.js";
import { access, can, loadAccess, scope } from "./access.js";
import { ApiError, get, ownPage, servedPage } from "./api.js";
import { setClock } from "../core/clock.js";
import { clusterParam, namespaceParam } from "../core/router.js";
import { forget, sections, takeChange, takeSnapshot } from "../cluster/store.js";
import { Stream } from "./stream.js";
import { askForToken, token } from "./token.js";

/** { state, seconds, error }: "starting", "connecting", "live", "waiting" (for the next attempt in `seconds`), "hidden",
 * "denied" (no access: `error`), "missing" (no such cluster: `error`). */
export const connection = signal({ state: "starting" });

/** The age of the figures in seconds, which grows by itself; null before they're known. */
export const age = signal(null);

/** The figures' own time, RFC 3339; null before it's known. */
export const timestamp = signal(null);

/** Figures advance every two seconds even in a quiet cluster, and heartbeats come every ten. A Lens may call them stale sooner. */
const STALE_SECONDS = 30;
const staleAfter = signal(STALE_SECONDS);
export const isStale = computed(() => age.value !== null && age.value >= staleAfter.value);

/** Whether the server has another page than this tab. */
export const isOutdated = computed(() => ownPage !== null && servedPage.value !== null && servedPage.value !== ownPage);

const attempt = signal(0);

/** Start over: ask for access again, and open the stream. */
export function reconnect() {
  attempt.value += 1;
}

/** The last age that the server sent, and when by both clocks; null before that. */
let known = null;

/** Milliseconds since then: one clock stands still while the computer sleeps, and the other may be set back. */
const sinceKnown = () => Math.max(performance.now() - known.at, Date.now() - known.wall);

/** An age that is older than this is asked for: events without one come without a heartbeat between them. */
const AGE_MS = 12_000;
let asking = false;

function takeAge(data) {
  if (data.timestamp) timestamp.value = data.timestamp;
  if (data.age_seconds === undefined || data.age_seconds === null) return;
  known = { age: data.age_seconds, at: performance.now(), wall: Date.now() };
  if (data.timestamp) setClock(Date.parse(data.timestamp) + 1000 * data.age_seconds);
}

/** Ask `status` how old the figures are. */
async function askAge() {
  if (asking || !can.peek().status || connection.peek().state !== "live" || document.hidden) return;
  asking = true;
  try {
    const { freshness, timestamp: time } = await get("realtime/status", scope.peek());
    takeAge({ timestamp: time, age_seconds: freshness.age_seconds });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  } finally {
    asking = false;
  }
}

function tick() {
  const since = known === null ? Infinity : sinceKnown();
  age.value = known === null ? null : known.age + since / 1000;
  if (since > AGE_MS) askAge();
}

function takeEvents(events) {
  batch(() => {
    for (const { type, data } of events) {
      if (type === "snapshot") {
        known = null;
        staleAfter.value = Math.min(STALE_SECONDS, data.stale_after_seconds ?? STALE_SECONDS);
        takeSnapshot(data);
      } else if (type === "change") takeChange(data);
      takeAge(data);
    }
    tick();
  });
}

/** The stream's parameters for what the caller may see; null if that's nothing. */
function streamParams({ realtime, capacity, namespace, cluster }) {
  if (realtime) return { cluster };
  const figures = capacity || namespace?.capacity;
  const tasks = namespace?.tasks;
  if (figures) {
    const include = tasks ? "status,nodes,tasks" : "status,nodes";
    return { cluster, include, ...(tasks || !capacity ? { namespace: namespace.name } : {}) };
  }
  return tasks ? { cluster, namespace: namespace.name } : null;
}

/** Keep the page live from now on; returns a function that ends it. */
export function goLive() {
  const ticking = setInterval(tick, 1000);
  let shown = null;
  const stop = effect(() => {
    const cluster = clusterParam.value;
    const namespace = namespaceParam.value;
    void token.value;
    void attempt.value;
    const abort = new AbortController();
    let stream = null;
    const on = (state, detail) => {
      if (abort.signal.aborted) return;
      if (state === "denied") deny(detail, sections.peek().size > 0);
      else connection.value = { state, ...(detail ?? {}) };
    };
    const open = async (failures = 0) => {
      try {
        const found = await loadAccess(cluster, namespace, { signal: abort.signal });
        const of = `${found.cluster} ${found.namespace?.name ?? ""}`;
        if (shown !== null && shown !== of) reset();
        shown = of;
        access.value = found;
        const params = streamParams(found);
        if (params === null) return deny(new ApiError(403, 4003, "Forbidden: this token may see no figures here"));
        stream = new Stream("realtime/stream", params, { onEvents: takeEvents, onState: on });
      } catch (error) {
        if (abort.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        if ([400, 401, 403, 404].includes(error.status)) return deny(error);
        const seconds = Math.max(error.retryAfter ?? 0, Math.min(30, 2 ** failures)) * (1 + Math.random() / 4);
        on("waiting", { seconds, error });
        setTimeout(() => abort.signal.aborted || open(failures + 1), seconds * 1000);
      }
    };
    untracked(() => {
      on("connecting");
      open();
    });
    return () => {
      abort.abort();
      stream?.close();
    };
  });
  return () => {
    clearInterval(ticking);
    stop();
  };
}

/** `wasLive`: the access is lost that there was. */
function deny(error, wasLive = false) {
  connection.value = { state: error.status === 404 ? "missing" : "denied", error };
  if (error.status === 401 || (error.status === 403 && wasLive)) askForToken(error);
}

function reset() {
  batch(() => {
    forget();
    access.value = null;
    timestamp.value = null;
    known = null;
    tick();
  });
}
