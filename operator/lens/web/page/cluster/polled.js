// What isn't in the stream: read when the figures say that it may have changed, and now and then.
import { computed, effect, signal, untracked } from "../core/html.js";
import { scope } from "../client/access.js";
import { ApiError } from "../client/api.js";

const EVERY_MS = 10_000;
/** The shortest time between two readings. It grows up to LONGEST_MS while the value keeps changing. */
const SHORTEST_MS = 250;
const LONGEST_MS = 2_000;
/** The pause after a reading, as a multiple of the time that it took. */
const PAUSE_PER_READING = 9;

/**
 * Something to read from the API while a component shows it.
 *
 * `may()` returns whether the caller may read it, and `key()` a value that changes whenever it may have changed; both follow signals.
 * `read(scope, options)` returns the new value. It is called after `every` milliseconds at the latest. Returns { value, error: signals; keep: useEffect(keep, []) }.
 */
export function polled({ may, key, read, every = EVERY_MS }) {
  const value = signal(null);
  const error = signal(null);
  const changed = computed(key);
  let users = 0;
  let end = null;

  const follow = () => {
    let timer = null;
    let last = -Infinity;
    let pause = SHORTEST_MS;
    let abort = null;
    let of = null;
    let reading = null;
    let missed = false;
    const plan = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(take, Math.max(ms, last + pause - performance.now()));
    };
    const take = async () => {
      const asked = scope.peek();
      if (asked === null || !untracked(may)) return;
      if (document.hidden) return plan(every);
      const before = last;
      last = performance.now();
      pause = last - before > 2 * LONGEST_MS ? SHORTEST_MS : Math.min(2 * pause, LONGEST_MS);
      abort?.abort();
      abort = new AbortController();
      reading = abort;
      missed = false;
      let wait = every;
      try {
        value.value = await read(asked, { signal: abort.signal });
        error.value = null;
        // What has changed since the request may not be in its answer.
        if (missed) wait = 0;
      } catch (caught) {
        if (caught.name === "AbortError") return;
        if (!(caught instanceof ApiError)) throw caught;
        error.value = caught;
        // Even if the key changes meanwhile.
        pause = Math.max(pause, (caught.retryAfter ?? 0) * 1000);
      }
      reading = null;
      // As long as there is no change, it is read after `every` anyway.
      pause = Math.max(pause, Math.min(PAUSE_PER_READING * (performance.now() - last), every));
      plan(wait);
    };
    const stop = effect(() => {
      const now = JSON.stringify(scope.value);
      void may();
      void changed.value;
      untracked(() => {
        if (of !== now) {
          // The rows are another cluster's.
          if (of !== null) value.value = null;
          of = now;
          abort?.abort();
          reading = null;
        }
        // A reading under way is finished, however often the key changes meanwhile.
        if (reading === null) plan(0);
        else missed = true;
      });
    });
    return () => {
      stop();
      clearTimeout(timer);
      abort?.abort();
    };
  };

  const keep = () => {
    users += 1;
    if (users === 1) end = follow();
    return () => {
      users -= 1;
      if (users === 0) end();
    };
  };
  return { value, error, keep };
}
