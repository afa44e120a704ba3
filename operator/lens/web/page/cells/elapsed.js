// How long ago something was, which grows while it's shown.
import { html, useComputed } from "../core/html.js";
import { dateTime, duration, since } from "../core/format.js";
import { now } from "./now.js";

/** The time since an RFC 3339 timestamp: "2 h 5 min"; a dash without one. `suffix` such as " ago". */
export function Elapsed({ from, suffix = "" }) {
  const text = useComputed(() => (from ? `${duration(since(from, now.value))}${suffix}` : duration(null)));
  return from ? html`<time datetime=${from} title=${dateTime(from)}>${text.value}</time>` : text.value;
}
