// The history of the figures: one row a second into the ring, while the page is live.
import { present } from "../core/clock.js";
import { signal, untracked } from "../core/html.js";
import { Ring } from "../history/ring.js";
import { summary } from "./figures.js";
import { connection } from "../client/live.js";
import { cluster } from "./store.js";

/** The series: figures.js' summary. */
export const SERIES = [
  "total",
  "busy",
  "idle",
  "held",
  "free",
  "closed",
  "broken",
  "pending",
  "utilization",
  "largest",
];

/** The ring of the present cluster: ring().read(seconds). */
export const ring = () => current;

/** Grows with each row. */
export const historyRevision = signal(0);

let current = new Ring(SERIES);
let of = null;

/** Record from now on; returns a function that ends it. */
export function keepHistory() {
  const take = () =>
    untracked(() => {
      const figures = summary.value;
      if (figures === null || connection.value.state !== "live") return;
      if (cluster.value !== of) {
        of = cluster.value;
        current = new Ring(SERIES);
      }
      current.add(Math.floor(present() / 1000), figures);
      historyRevision.value += 1;
    });
  const timer = setInterval(take, 1000);
  return () => clearInterval(timer);
}
