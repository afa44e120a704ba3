// "Would it fit?": the question as it's typed, and the answer as the cluster is now.
import { effect, signal, untracked } from "../../core/html.js";
import { can, scope } from "../../client/access.js";
import { ApiError, get } from "../../client/api.js";
import { status } from "../../cluster/store.js";

/** What is asked: texts, as typed. `product` is empty for any. */
export const question = signal({ gpus: "8", replicas: "1", product: "" });

/** { data, error, asked, busy }: `asked` is the question that `data` or `error` answers. */
export const answer = signal({ data: null, error: null, asked: null, busy: false });

const TYPED_MS = 250;
/** An answer to the same question is renewed when the figures change, and not more often. */
const RENEWED_MS = 5_000;

const BOUNDS = { gpus: [1, 1024], replicas: [1, 10_000] };

/** Why a text is no number to ask with; null if it is one. */
export function wrong(name, text) {
  const [least, most] = BOUNDS[name];
  return /^\d+$/.test(text.trim()) && Number(text) >= least && Number(text) <= most
    ? null
    : `a whole number from ${least} to ${most}`;
}

/** Answer the question while a component is shown: useEffect(keepAnswering, []). */
export function keepAnswering() {
  let timer = null;
  let abort = null;
  let last = -Infinity;
  let before = null;
  const ask = async () => {
    const asked = question.peek();
    if (!can.peek().fit || wrong("gpus", asked.gpus) || wrong("replicas", asked.replicas)) return;
    abort?.abort();
    const own = (abort = new AbortController());
    last = performance.now();
    answer.value = { ...answer.peek(), busy: true };
    const params = {
      ...scope.peek(),
      gpus: Number(asked.gpus),
      replicas: Number(asked.replicas),
      product: asked.product || null,
    };
    try {
      answer.value = {
        data: await get("realtime/fit", params, { signal: own.signal }),
        error: null,
        asked,
        busy: false,
      };
    } catch (error) {
      if (own.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      answer.value = { data: null, error, asked, busy: false };
      if (error.retryAfter !== null) plan(error.retryAfter * 1000);
    }
  };
  const plan = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      ask();
    }, ms);
  };
  const stop = effect(() => {
    const key = JSON.stringify([question.value, scope.value]);
    void status.value;
    untracked(() => {
      const typed = key !== before;
      before = key;
      if (typed) plan(TYPED_MS);
      // What is planned stays so: figures that change all the time would put it off for ever.
      else if (timer === null && !document.hidden) plan(Math.max(TYPED_MS, last + RENEWED_MS - performance.now()));
    });
  });
  return () => {
    stop();
    clearTimeout(timer);
    abort?.abort();
  };
}
