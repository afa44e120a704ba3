// A table of events, newest first.
import { html, useMemo } from "../../core/html.js";
import { scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { dateTime, timeOfDay } from "../../core/format.js";
import { Marked } from "../../cells/marked.js";
import { Table } from "../../parts/table.js";
import { Source } from "../alerts/source.js";

/** How an event is marked, by its type; good and bad news apart. */
const MARKS = {
  TaskStarted: ["plain", "▸"],
  TaskFinished: ["good", "✓"],
  TaskFailed: ["bad", "✕"],
  TaskEvicted: ["wary", "!"],
  TaskPreempted: ["wary", "!"],
  TaskDeleted: ["plain", "–"],
  TaskEnded: ["plain", "–"],
  NodeJoined: ["good", "+"],
  NodeLeft: ["wary", "–"],
  NodeReady: ["good", "✓"],
  NodeNotReady: ["bad", "✕"],
  NodeCordoned: ["closed", "╱"],
  NodeUncordoned: ["good", "✓"],
  GpuLost: ["bad", "✕"],
  GpuUnhealthy: ["bad", "✕"],
  GpuRecovered: ["good", "✓"],
  AlertRaised: ["wary", "!"],
  AlertCleared: ["good", "✓"],
  Kubernetes: ["wary", "!"],
};

/** "TaskStarted" → "task started"; an Event of the apiserver by its reason. */
export function eventName({ type, reason }) {
  if (type === "Kubernetes" && reason) return reason;
  return type.replace(/([a-z])([A-Z])/g, (_, end, begin) => `${end} ${begin.toLowerCase()}`).replace(/^./, (first) => first.toLowerCase()).replace("gpu", "GPU");
}

export const EVENT_COLUMNS = [
  { id: "time", title: "Time", value: (event) => event.timestamp, cell: (event) => html`<time datetime=${event.timestamp} title=${dateTime(event.timestamp)}>${timeOfDay(event.timestamp)}</time>` },
  { id: "type", title: "What", value: (event) => `${event.type} ${event.reason ?? ""}`, cell: (event) => html`<${What} event=${event} />` },
  { id: "object", title: "About", value: (event) => event.object, cell: (event) => html`<${Source} of=${event.object} />`, hide: "narrow" },
  { id: "message", title: "Message", value: (event) => event.message, grow: true },
  { id: "source", title: "Said by", value: (event) => event.source, hide: "medium" },
];

/** `without` has ids of columns that say nothing here. The other properties are Table's. */
export function EventTable({ events, without = [], ...rest }) {
  const columns = useMemo(() => EVENT_COLUMNS.filter(({ id }) => !without.includes(id)), [without.join()]);
  const rows = useMemo(() => keyed(events), [events]);
  return html`<div class="wrapping"><${Table} stacked columns=${columns} rows=${rows} rowKey=${(event) => event.key} commands=${eventCommands} empty="Nothing is known to have happened." ...${rest} /></div>`;
}

const eventCommands = (event) => ({ of: `${eventName(event)}, ${event.object}`, ...commands.event(scope.value, event) });

/** Events have no id: what they say and when is one, and its number among equals. */
function keyed(events) {
  const seen = new Map();
  return [...events].reverse().map((event) => {
    const text = `${event.timestamp} ${event.type} ${event.object} ${event.message}`;
    const times = seen.get(text) ?? 0;
    seen.set(text, times + 1);
    return { ...event, key: times ? `${text} ${times}` : text };
  }).reverse();
}

function What({ event }) {
  const [kind, glyph] = MARKS[event.type] ?? ["plain", "·"];
  return html`<${Marked} kind=${kind} glyph=${glyph}>${eventName(event)}</${Marked}>`;
}
