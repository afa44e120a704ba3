// A list as its address asks for it: rows that match, in order.

/**
 * Return the rows that match every word of `text` in one of their `fields`, whatever the case.
 * `fields` is a function from a row to strings (null where it has none).
 */
export function search(rows, text, fields) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return rows;
  return rows.filter((row) => {
    const line = fields(row).filter((field) => field !== null && field !== undefined).join("\n").toLowerCase();
    return words.every((word) => line.includes(word));
  });
}

/**
 * Return the rows ordered by `sort`: the name of a column, with a leading `-` from the most to the least.
 * `columns` has a function from a row to a value for each name; null comes last either way, and equal rows stay in order.
 */
export function sorted(rows, sort, columns) {
  const name = sort.replace(/^-/, "");
  if (!Object.hasOwn(columns, name)) return rows;
  const sign = sort.startsWith("-") ? -1 : 1;
  const keyed = rows.map((row) => [orderKey(columns[name](row) ?? null), row]);
  keyed.sort(([a], [b]) => {
    if (a === b) return 0;
    if (a === null) return 1;
    if (b === null) return -1;
    return a < b ? -sign : a > b ? sign : 0;
  });
  return keyed.map(([, row]) => row);
}

/** Compare names as people order them: node-2 before node-10. */
export function byName(a, b) {
  const [x, y] = [orderKey(a), orderKey(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** What compares by `<` as people order names; anything but a string is its own. A collator takes ten times as long for 10,000 names. */
function orderKey(value) {
  return typeof value === "string" ? value.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(16, "0")) : value;
}
