// The present time by Lens' clock, for the ages of Lens' timestamps. The browser's clock may be wrong, or be set meanwhile.

/** Lens' timestamps have whole seconds and arrive late. Up to this difference the browser's own clock is used. */
const MIN_MS = 3000;

let ahead = 0;

const own = () => performance.timeOrigin + performance.now();

/** Milliseconds since 1970. */
export const present = () => own() + ahead;

/** Set Lens' present time, in milliseconds since 1970. */
export function setClock(time) {
  const found = time - own();
  if (Number.isFinite(found) && Math.abs(found - ahead) > MIN_MS) ahead = found;
}
