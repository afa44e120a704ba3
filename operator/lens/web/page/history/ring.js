// The page's history in bounded memory: a quarter of an hour by the second, three hours by ten seconds, a day by the
// minute. A tier keeps the last value of each of its steps; a step of which nothing is known is a gap.

/** Seconds of a step, and how many of them are kept. */
export const TIERS = [
  { step: 1, length: 900 },
  { step: 10, length: 1080 },
  { step: 60, length: 1440 },
];

/** A heartbeat comes every ten seconds: after three without one it isn't known what happened. */
export const LONGEST_QUIET = 30;

export class Ring {
  /** `names` are the series; `tiers` as in TIERS, the finest first. */
  constructor(names, tiers = TIERS) {
    this.names = names;
    this.tiers = tiers.map((tier) => new Tier(names.length, tier.step, tier.length));
    this.first = null;
    this.last = null;
  }

  /** Add the values at a time, in seconds since 1970. A value that is null is a gap. Older times than the last change nothing. */
  add(time, values) {
    if (this.last !== null && time < this.last) return;
    const row = this.names.map((name) => values[name] ?? NaN);
    const held = this.last !== null && time - this.last <= LONGEST_QUIET;
    for (const tier of this.tiers) tier.put(time, row, held);
    this.first ??= time;
    this.last = time;
  }

  /** Return the finest tier that holds `seconds`, as `{step, times, series}` up to the last value, gaps as null. */
  read(seconds) {
    const tier = this.tiers.find((each) => each.step * each.length >= seconds) ?? this.tiers.at(-1);
    const { times, columns } = this.last === null ? { times: [], columns: this.names.map(() => []) } : tier.read(this.last - seconds);
    return { step: tier.step, times, series: Object.fromEntries(this.names.map((name, at) => [name, columns[at]])) };
  }
}

class Tier {
  constructor(width, step, length) {
    this.width = width;
    this.step = step;
    this.length = length;
    this.values = new Float64Array(width * length).fill(NaN);
    this.newest = null;
    this.filled = 0;
  }

  /** Put a row into the step of a time. With `held` the steps since the last row have that row's values, else they are gaps. */
  put(time, row, held) {
    const number = Math.floor(time / this.step);
    const before = this.newest === null ? null : this.row(this.newest).slice();
    const from = this.newest === null ? number : Math.max(this.newest + 1, number - this.length + 1);
    for (let each = from; each < number; each += 1) {
      if (held) this.row(each).set(before);
      else this.row(each).fill(NaN);
    }
    this.row(number).set(row);
    this.filled = Math.min(this.length, this.newest === null ? 1 : this.filled + number - this.newest);
    this.newest = number;
  }

  /** Return the kept times after `since`, and each series' values there. */
  read(since) {
    const times = [];
    const columns = Array.from({ length: this.width }, () => []);
    const oldest = Math.max(this.newest - this.filled + 1, Math.floor(since / this.step) + 1);
    for (let number = oldest; number <= this.newest; number += 1) {
      times.push(number * this.step);
      this.row(number).forEach((value, at) => columns[at].push(Number.isNaN(value) ? null : value));
    }
    return { times, columns };
  }

  row(number) {
    const at = (number % this.length) * this.width;
    return this.values.subarray(at, at + this.width);
  }
}
