// The history as rows: one every so many seconds, the newest first.

/** Rows that a table of a span has at the most. */
const MAX_ROWS = 60;

/** Steps that people read: seconds between two rows. */
const STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

/** { time, … } at the end of each step; a row of which nothing is known is left out. */
export function sampleRows({ times, series, step }, span) {
  const every = STEPS.find((seconds) => seconds >= step && span / seconds <= MAX_ROWS) ?? STEPS.at(-1);
  const rows = new Map();
  times.forEach((time, at) => {
    const row = { time };
    let known = false;
    for (const [name, values] of Object.entries(series)) {
      row[name] = values[at];
      known ||= values[at] !== null;
    }
    if (known) rows.set(Math.floor(time / every), row);
  });
  return [...rows.values()].reverse();
}

/** The rows as CSV (RFC 4180), oldest first, times in UTC. */
export function csv(columns, rows) {
  const lines = [...rows].reverse().map((row) =>
    columns.map(({ id, value }) => (id === "time" ? new Date(row.time * 1000).toISOString() : (value(row) ?? ""))).join(","),
  );
  return [columns.map(({ id }) => id).join(","), ...lines, ""].join("\r\n");
}
