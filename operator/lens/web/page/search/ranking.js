// Names by how well they match a query.

/** A place in a name where a word begins: its start, after a separator, or where a digit follows a letter. */
const BEGINS = /[-._/:\s]/;

/**
 * Return the `most` best entries for a query, best first, each an entry of `entries` (`{kind, name, text, href}`).
 * Every word of the query must be in the entry's `name` or `text`. A whole name comes before its beginning, that before the
 * beginning of a word in it, that before its middle, and all of them before what is only in the text; then the shorter name first.
 */
export function rank(query, entries, most = 50) {
  const words = query.toLowerCase().split(/[\s/]+/).filter(Boolean);
  if (!words.length) return { found: [], total: 0 };
  const whole = query.trim().toLowerCase();
  let best = [];
  let total = 0;
  for (const entry of entries) {
    const score = scoreOf(entry, words, whole);
    if (!score) continue;
    total += 1;
    best.push([score, entry]);
    if (best.length > 8 * most) best = cut(best, most);
  }
  return { found: cut(best, most).map(([, entry]) => entry), total };
}

function cut(scored, most) {
  return scored.sort(([a, x], [b, y]) => b - a || x.name.length - y.name.length || (x.name < y.name ? -1 : 1)).slice(0, most);
}

function scoreOf(entry, words, whole) {
  entry.lower ??= entry.name.toLowerCase();
  entry.lowerText ??= (entry.text ?? "").toLowerCase();
  let score = entry.lower === whole ? 1000 : 0;
  for (const word of words) {
    const one = wordScore(entry.lower, word) || (entry.lowerText.includes(word) ? 1 : 0);
    if (!one) return 0;
    score += one;
  }
  return score + (WEIGHTS[entry.kind] ?? 0);
}

function wordScore(name, word) {
  let at = name.indexOf(word);
  if (at < 0) return 0;
  if (name.length === word.length) return 100;
  if (at === 0) return 80;
  for (; at > 0; at = name.indexOf(word, at + 1)) {
    if (BEGINS.test(name[at - 1])) return 60;
  }
  return 40;
}

/** Between equally good names: there are few pages and namespaces, and many tasks. */
const WEIGHTS = { page: 0.9, namespace: 0.8, node: 0.6, workload: 0.5, pending: 0.4, task: 0 };
