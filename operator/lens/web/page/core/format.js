// Numbers, times and names as people read them. Null is a dash, never 0.
import { present } from "./clock.js";

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const NONE = "–";

/** 1234.5 → "1,234.5". */
export function count(value) {
  return value === null || value === undefined ? NONE : number.format(value);
}

/** "1 GPU", "2 GPUs"; the plural may be given. */
export function counted(value, noun, plural = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** 81.04 → "81 %", with `digits` after the point. */
export function percent(value, digits = 0) {
  return value === null || value === undefined ? NONE : `${value.toFixed(digits)} %`;
}

/** Seconds in the largest two units: "12 s", "3 min", "2 h 5 min", "4 d 2 h". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(hours, "h", minutes % 60, "min");
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joined(first, unit, second, smaller) {
  return second ? `${first} ${unit} ${second} ${smaller}` : `${first} ${unit}`;
}

/** GPU seconds as hours: "0.4", "12", "1,340". */
export function gpuHours(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const hours = seconds / 3600;
  return hours < 10 ? hours.toFixed(1) : number.format(Math.round(hours));
}

/** Bytes in binary units: "62.4 GiB". */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  let v = value;
  while (v >= 1024 && i < units.length - 1) {
    v /= 1024;
    i += 1;
  }
  return `${i && v < 100 ? v.toFixed(1) : Math.round(v)} ${units[i]}`;
}

/** Seconds since an RFC 3339 time; null without one. */
export function since(timestamp, now = present()) {
  return timestamp ? Math.max(0, (now - Date.parse(timestamp)) / 1000) : null;
}

/** The local time of day of an RFC 3339 time. */
export function timeOfDay(timestamp) {
  return timestamp ? clock.format(new Date(timestamp)) : NONE;
}

/** The local date and time of an RFC 3339 time, for titles. */
export function dateTime(timestamp) {
  return timestamp ? date.format(new Date(timestamp)) : NONE;
}

const BRANDS = /^(NVIDIA|AMD|Intel|Tesla)[-_ ]+/i;

/** A product without what all of them share: "NVIDIA-H100-80GB-HBM3" → "H100 80GB HBM3". The whole name belongs beside it, or in a title. */
export function product(name) {
  return name === null || name === undefined ? "unknown product" : name.replace(BRANDS, "").replace(/[-_]+/g, " ");
}
