// The present time, for ages that grow by themselves.
import { present } from "../core/clock.js";
import { signal } from "../core/html.js";

/** Milliseconds since 1970 by Lens' clock, each second. */
export const now = signal(present());

setInterval(() => (now.value = present()), 1000);
