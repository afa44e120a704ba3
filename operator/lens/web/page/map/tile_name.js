// A node's name above its cells. Where it's too long, its domain gives way first, and then its middle:
// the end tells neighbours apart, as in gpu-pool-7f9c4-x2k9q.

const TAIL = 7;

/** The parts of a name in its order, which styles cut as there is place: [middle, end, domain]; a part may be empty. */
export function nameParts(name) {
  const dot = name.indexOf(".");
  // By code points: half of a character is none.
  const host = [...(dot < 0 ? name : name.slice(0, dot))];
  return [host.slice(0, -TAIL).join(""), host.slice(-TAIL).join(""), dot < 0 ? "" : name.slice(dot)];
}
