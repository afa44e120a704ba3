// The present time, for ages that grow by themselves.
import { signal } from "../core/html.js";

/** Milliseconds since 1970 by this browser's clock, each second. */
export const now = signal(Date.now());

setInterval(() => (now.value = Date.now()), 1000);
