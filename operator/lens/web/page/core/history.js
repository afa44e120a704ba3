// The last hour of the figures, in memory: one sample every five seconds while the page is live.
import { effect, signal, untracked } from "./html.js";
import { status } from "./store.js";
import { summary } from "./figures.js";

export const SAMPLE_SECONDS = 5;
export const MOST_SAMPLES = 720;

/** Samples, oldest first: { at (ms), total, busy, idle, held, free, closed, broken, pending, utilization, largest }. */
const samples = [];

/** Grows with each sample. */
export const historyRevision = signal(0);

/** The samples; follows the revision. Don't change the array. */
export function history() {
  void historyRevision.value;
  return samples;
}

/** Forget all samples, as for another cluster. */
export function forgetHistory() {
  samples.length = 0;
  historyRevision.value += 1;
}

/** Sample from now on; returns a function that ends it. */
export function keepHistory() {
  const take = () => {
    const figures = untracked(() => summary.value);
    const now = Date.now();
    if (figures === null || (samples.length && now - samples.at(-1).at < SAMPLE_SECONDS * 900)) return;
    samples.push({ at: now, ...figures });
    if (samples.length > MOST_SAMPLES) samples.shift();
    historyRevision.value += 1;
  };
  const timer = setInterval(take, SAMPLE_SECONDS * 1000);
  // The first sample as soon as there is one.
  const stop = effect(() => {
    if (status.value !== null && !samples.length) untracked(() => setTimeout(take));
  });
  return () => {
    clearInterval(timer);
    stop();
  };
}
