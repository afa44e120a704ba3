// The page's address: everything behind the #, so that each view is a link to send.
//
//   #/nodes/gpu-node-1?cluster=prod
//   #/tasks?ns=ml-team&sort=-gpus
//
// `cluster`, and `namespace` of a caller who has rights there only, stay in every link. `ns` is a mere filter.
import { computed, signal } from "./html.js";

/** Parameters that every link keeps. */
const KEPT = ["cluster", "namespace"];

/** The present route: `path` (decoded parts, [] for the first screen), `name` (the first part) and `params`. */
export const route = signal(parse(location.hash));

/** The name of the cluster in the address, or null. */
export const clusterParam = computed(() => route.value.params.cluster ?? null);

/** The only namespace that is asked for, or null. */
export const namespaceParam = computed(() => route.value.params.namespace ?? null);

/** Parse a hash; a part that can't be decoded stays as it is. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const parts = path.split("/").filter(Boolean).map(decode);
  return { path: parts, name: parts[0] ?? "overview", params: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The link to a view: href("nodes", "gpu-1"), href("tasks", { ns: "ml" }). Parameters that are null are left out. */
export function href(...parts) {
  const params = typeof parts.at(-1) === "object" ? parts.pop() : {};
  const kept = Object.fromEntries(KEPT.map((name) => [name, route.value.params[name]]));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...params, ...kept, ...pick(params, KEPT) })) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return `#/${parts.map((part) => encodeURIComponent(part)).join("/")}${text && `?${text}`}`;
}

function pick(params, names) {
  return Object.fromEntries(names.filter((name) => name in params).map((name) => [name, params[name]]));
}

/** Go to a view, with an entry in the history. */
export function go(...parts) {
  location.hash = href(...parts);
}

/** Change parameters of the present view without an entry in the history; null removes one. */
export function setParams(params) {
  const next = href(...route.value.path, { ...route.value.params, ...params });
  history.replaceState(history.state, "", next);
  route.value = parse(next);
}

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});
