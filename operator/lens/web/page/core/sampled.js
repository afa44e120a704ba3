// Lists and sums over all rows: rows change with each frame, and people don't read that fast.
import { effect, signal, untracked } from "./html.js";

/** What fn() returns, as a signal that is made anew at most every `ms` milliseconds while one of `signals` changes.
 *
 * It costs nothing while nobody reads it. */
export function sampled(ms, signals, fn) {
  let current;
  let stop = null;
  let timer = null;
  let last = -Infinity;
  const take = () => {
    timer = null;
    last = performance.now();
    current = untracked(fn);
  };
  const version = signal(0, {
    watched() {
      let first = true;
      stop = effect(() => {
        for (const each of signals) void each.value;
        if (first) first = false;
        else timer ??= setTimeout(renew, Math.max(0, last + ms - performance.now()));
      });
    },
    unwatched() {
      stop?.();
      stop = null;
      clearTimeout(timer);
      timer = null;
    },
  });
  const renew = () => {
    take();
    version.value += 1;
  };
  return {
    get value() {
      if (stop === null) take();
      void version.value;
      return current;
    },
    peek() {
      if (stop === null) take();
      return current;
    },
  };
}
