// Requests to the API beside the page, wherever the page is: addresses are relative to it.
import { signal } from "../core/html.js";
import { authorization } from "./token.js";

/** The hash of the page that this Lens serves now, from its last response; null before one. */
export const servedPage = signal(null);

/** The hash of the page that this tab runs; null where it isn't served by a Lens. */
export const ownPage = /\/assets\/([0-9a-f]+)\//.exec(import.meta.url)?.[1] ?? null;

/** A response that isn't the data: `status` is HTTP's (0 without a response), `code` the envelope's. */
export class ApiError extends Error {
  constructor(status, code, message, retryAfter = null, clusters = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    /** The clusters that there are, where the one that was asked for isn't; else null. */
    this.clusters = clusters;
    /** Seconds to wait before the next attempt, or null. */
    this.retryAfter = retryAfter;
  }

  /** Whether the token is the reason. */
  get isAccess() {
    return this.status === 401 || this.status === 403;
  }
}

/** The page's own address, without the view. The API is below it. */
export function base() {
  const target = new URL(document.baseURI);
  target.hash = target.search = "";
  return target.href;
}

/** The absolute address of an endpoint: url("realtime/status", { cluster }). Parameters that are null are left out. */
export function url(path, params = {}) {
  const target = new URL(`api/v1/${path}`, base());
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") target.searchParams.set(name, value);
  }
  return target.href;
}

/** Send a request with the token; returns the Response, or raises an ApiError. */
export async function request(path, { params, headers, ...options } = {}) {
  let response;
  try {
    response = await fetch(url(path, params), {
      // A response may be cached for 30 s. A repeated request is for changes, and gets a 304 if there are none.
      cache: "no-cache",
      ...options,
      headers: { Accept: "application/json", ...authorization(), ...headers },
      // Lens has no cookies, but a proxy with a login before it may.
      credentials: "same-origin",
      referrerPolicy: "no-referrer",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, 0, "Lens can't be reached");
  }
  servedPage.value = response.headers.get("Lens-Page") ?? servedPage.peek();
  if (!response.ok) throw await failure(response);
  return response;
}

/** The `data` of a GET: await get("realtime/status", { cluster, include: "nodes" }, { signal }). Raises an ApiError. */
export async function get(path, params, options) {
  const response = await request(path, { ...options, params });
  let found;
  try {
    found = (await response.json())?.data;
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  // A body that broke off, or a proxy's own page.
  if (typeof found !== "object" || found === null) throw new ApiError(0, 0, "The answer isn't one of Lens'");
  return found;
}

async function failure(response) {
  let meta = {};
  try {
    meta = (await response.json()).meta ?? {};
  } catch {
    // A proxy's own answer, perhaps: HTTP's status says enough.
  }
  return new ApiError(
    response.status,
    meta.code ?? 0,
    meta.message ?? `${response.status} ${response.statusText}`,
    retryAfter(response.headers),
    meta.clusters ?? null,
  );
}

/** Retry-After in seconds: a number or an HTTP date; null without one. */
export function retryAfter(headers) {
  const value = headers.get("Retry-After");
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Number(value);
  const until = Date.parse(value) - Date.parse(headers.get("Date") ?? new Date().toUTCString());
  return Number.isFinite(until) ? Math.max(0, until / 1000) : null;
}
