// The bearer token: in memory, in sessionStorage only on request, never in a query.
import { signal } from "../core/html.js";
import { parse, route } from "../core/router.js";

const KEY = "lens-token";

/** The token, or null. */
export const token = signal(sessionStorage.getItem(KEY));

/** Why the dialog is open: { status, message }, or null while it's closed. */
export const tokenRequest = signal(null);

/** Whether the token is kept for this tab's session. */
export const isKept = () => sessionStorage.getItem(KEY) !== null;

/** Take a token; with `keep` it outlives a reload of this tab. Null forgets it. */
export function setToken(value, { keep = false } = {}) {
  sessionStorage.removeItem(KEY);
  if (value && keep) sessionStorage.setItem(KEY, value);
  tokenRequest.value = null;
  token.value = value || null;
}

/** Open the dialog. `reason` is an ApiError or a text of ours. */
export function askForToken(reason) {
  tokenRequest.value ??= { status: reason?.status ?? null, message: reason?.message ?? String(reason ?? "") };
}

export function closeTokenDialog() {
  tokenRequest.value = null;
}

/** The header field that carries the token. Not `Authorization`, which the apiserver's service proxy drops. */
export function authorization() {
  const value = token.peek();
  return value ? { "Lens-Authorization": `Bearer ${value}` } : {};
}

/** Take `#token=…` once, and remove it from the address and the history: `#token=TOKEN`, `#token=TOKEN&/tasks?ns=ml`. */
function takeFromAddress() {
  const found = /^#token=([^&]*)&?(.*)$/s.exec(location.hash);
  if (!found) return;
  const rest = found[2] ? `#${found[2]}` : "";
  history.replaceState(null, "", location.pathname + location.search + rest);
  route.value = parse(rest);
  let value = found[1];
  try {
    value = decodeURIComponent(value);
  } catch {
    // It isn't encoded.
  }
  setToken(value);
}

takeFromAddress();
addEventListener("hashchange", takeFromAddress);
