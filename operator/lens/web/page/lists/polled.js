// What isn't in the stream: read when it's first shown, and again now and then while it is.
import { useEffect, useState } from "../core/html.js";
import { ApiError, get } from "../client/api.js";
import { askForToken } from "../client/token.js";

const PAUSE_MS = 1_000;

/**
 * The data of a GET, read every `ms`, and soon after `again` changes: { data, error }. `data` stays while a later attempt fails
 * with `error`, and is null before the first one. Another path or other parameters start over; without a path nothing is read.
 */
export function usePolled(path, params, ms, again = null) {
  const key = path === null ? null : JSON.stringify([path, params]);
  const [found, setFound] = useState({ key, data: null, error: null });
  useEffect(() => (key === null ? undefined : poll(path, params, ms, key, setFound)), [key, ms]);
  useEffect(() => kicks.get(key)?.(), [key, again]);
  return found.key === key ? found : { key, data: null, error: null };
}

/** What reads a key again soon. */
const kicks = new Map();

function poll(path, params, ms, key, setFound) {
  const abort = new AbortController();
  let timer = null;
  let last = -Infinity;
  let reading = false;
  const plan = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(read, Math.max(wait, last + PAUSE_MS - performance.now()));
  };
  const read = async () => {
    if (document.hidden) return plan(ms);
    last = performance.now();
    reading = true;
    let wait = ms;
    try {
      const data = await get(path, params, { signal: abort.signal });
      setFound({ key, data, error: null });
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) askForToken(error);
      setFound((before) => ({ key, data: before.key === key && error.status !== 404 ? before.data : null, error }));
      wait = Math.max(wait, (error.retryAfter ?? 0) * 1000);
    } finally {
      reading = false;
    }
    if (!abort.signal.aborted) plan(wait);
  };
  const kick = () => reading || plan(0);
  kicks.set(key, kick);
  read();
  return () => {
    abort.abort();
    clearTimeout(timer);
    if (kicks.get(key) === kick) kicks.delete(key);
  };
}
