// What isn't in the stream, for one component: read when it's first shown, and again now and then while it is.
import { useEffect, useMemo, useSignal } from "../core/html.js";
import { get } from "../client/api.js";
import { polled } from "../cluster/polled.js";

/**
 * The data of a GET, read every `ms`, and soon after `again` changes: { data, error }. `data` stays while a later attempt fails
 * with `error`, and is null before the first one. Another path or other parameters start over; without a path nothing is read.
 */
export function usePolled(path, params, ms, again = null) {
  const change = useSignal(again);
  const source = useMemo(
    () => polled({ every: ms, may: () => path !== null, key: () => change.value, read: (_scope, options) => get(path, params, options) }),
    [path, JSON.stringify(params), ms],
  );
  useEffect(() => {
    change.value = again;
  }, [again]);
  useEffect(source.keep, [source]);
  return { data: source.value.value, error: source.error.value };
}
