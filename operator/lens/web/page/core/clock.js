// The present time by Lens' clock: this browser's may be an hour off or be set meanwhile, and ages are of times that Lens has sent.

/** Lens tells whole seconds, and they take a while to come: up to this its clock is taken to be this browser's. */
const LEAST_MS = 3000;

let ahead = 0;

const own = () => performance.timeOrigin + performance.now();

/** Milliseconds since 1970. */
export const present = () => own() + ahead;

/** Take what Lens' clock says now, in milliseconds since 1970. */
export function setClock(time) {
  const found = time - own();
  if (Number.isFinite(found) && Math.abs(found - ahead) > LEAST_MS) ahead = found;
}
