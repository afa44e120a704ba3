// Pods that wait for GPUs. They aren't in the stream: they're read again when their number changes, and now and then.
import { effect, signal, untracked } from "../core/html.js";
import { can, scope } from "../client/access.js";
import { ApiError, get } from "../client/api.js";
import { status } from "./store.js";

const EVERY_MS = 10_000;
/** Between two readings, at the least: a reading is a list. */
const PAUSE_MS = 2_000;

/** The rows of `pending-tasks`, those that have waited longest first; null before they're known. */
export const pending = signal(null);

/** Why there are none, an ApiError; null if they're known. */
export const pendingError = signal(null);

/** Keep `pending` up to date while a component is shown: useEffect(keepPending, []). */
export function keepPending() {
  users += 1;
  if (users === 1) stop = follow();
  return () => {
    users -= 1;
    if (users === 0) stop();
  };
}

let users = 0;
let stop = null;

function follow() {
  let timer = null;
  let last = -Infinity;
  let abort = null;
  const plan = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(read, Math.max(ms, last + PAUSE_MS - performance.now()));
  };
  const read = async () => {
    const asked = scope.peek();
    if (asked === null || !can.peek().pending) return;
    if (document.hidden) return plan(EVERY_MS);
    last = performance.now();
    abort?.abort();
    abort = new AbortController();
    let wait = EVERY_MS;
    try {
      const data = await get("realtime/pending-tasks", { ...asked, sort: "created_at" }, { signal: abort.signal });
      pending.value = data.tasks;
      pendingError.value = null;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      pendingError.value = error;
      wait = Math.max(wait, (error.retryAfter ?? 0) * 1000);
    }
    plan(wait);
  };
  const ending = effect(() => {
    const counted = status.value?.pending;
    const of = JSON.stringify([counted?.pods, counted?.gpus, counted?.gated_pods, scope.value]);
    void of;
    untracked(() => plan(0));
  });
  return () => {
    ending();
    clearTimeout(timer);
    abort?.abort();
  };
}
