// Rows by key that change one by one, 50 a second among 40,000: a Map, with signals only for rows that are shown.
import { signal } from "../core/html.js";

/** Rows by key. `revision` is a signal that grows with each change; read it (or `rows()`) to follow all of them. */
export class Collection {
  constructor(keyOf) {
    this.keyOf = keyOf;
    this.map = new Map();
    this.revision = signal(0);
    this._of = new Map();
    this._listeners = new Set();
  }

  get size() {
    return this.map.size;
  }

  get(key) {
    return this.map.get(key);
  }

  /** All rows, in the order in which they came; follows the revision. */
  rows() {
    void this.revision.value;
    return [...this.map.values()];
  }

  /** A signal of one row, undefined while there is none. */
  of(key) {
    let found = this._of.get(key);
    if (!found) {
      found = signal(this.map.get(key), { unwatched: () => this._of.delete(key) });
      this._of.set(key, found);
    }
    return found;
  }

  /** Call listener(changed, reset) after each change: [[key, old, new], …], an old or new that isn't there undefined. */
  listen(listener) {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  /** Replace all rows. */
  reset(rows) {
    const before = this.map;
    this.map = new Map(rows.map((row) => [this.keyOf(row), row]));
    const changed = [];
    for (const [key, row] of this.map) changed.push([key, before.get(key), row]);
    for (const [key, row] of before) if (!this.map.has(key)) changed.push([key, row, undefined]);
    this._tell(changed, true);
  }

  /** Take new and changed rows, and keys (or rows with the key's fields) that are gone. */
  apply(rows, gone) {
    const changed = [];
    for (const each of gone) {
      const key = typeof each === "string" ? each : this.keyOf(each);
      const old = this.map.get(key);
      if (this.map.delete(key)) changed.push([key, old, undefined]);
    }
    for (const row of rows) {
      const key = this.keyOf(row);
      changed.push([key, this.map.get(key), row]);
      this.map.set(key, row);
    }
    if (changed.length) this._tell(changed, false);
  }

  _tell(changed, reset) {
    for (const listener of this._listeners) listener(changed, reset);
    for (const [key, , row] of changed) {
      const own = this._of.get(key);
      if (own) own.value = row;
    }
    this.revision.value += 1;
  }
}
