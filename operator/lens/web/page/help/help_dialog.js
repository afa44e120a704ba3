// What the keys do, and what the words mean.
import { html } from "../core/html.js";
import { access } from "../client/access.js";
import { states } from "../cluster/state_names.js";
import { listed } from "../core/keys.js";
import { Dialog } from "../parts/dialog.js";
import { GpuState } from "../cells/marked.js";

const TERMS = [
  ["Task", "a pod that holds at least one GPU, or a part of one."],
  ["Used", "the mean utilization of the GPUs that something measures: a GPU at 100 % has run some kernel all the time."],
  ["Largest block", "the most free GPUs on one node: a pod that asks for more can't start."],
  ["Old", "the time since the figures were last known to be current. From 30 s on the header changes its color."],
  ["Unknown", "nothing reports it. It is never counted as 0."],
];

export default function HelpDialog({ onClose }) {
  return html`<${Dialog} title="Help" onClose=${onClose} className="help-dialog">
    <h3>Keys</h3>
    <dl class="keys">${keys().map(([key, what]) => html`<div key=${key}><dt>${key.split(" ").map((each) => html`<kbd key=${each}>${each}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl>
    <h3>States of a GPU</h3>
    <dl class="keys">${states.value.map(({ id, means }) => html`<div key=${id}><dt><${GpuState} id=${id} /></dt><dd>${means}</dd></div>`)}</dl>
    <h3>Words</h3>
    <dl class="keys">${TERMS.map(([term, means]) => html`<div key=${term}><dt>${term}</dt><dd>${means}</dd></div>`)}</dl>
    <p class="muted"><a href="docs">The API</a> has the same numbers, and every row copies as curl or kubectl.
      ${access.value?.version && html` Lens ${access.value.version}.`}</p>
  </${Dialog}>`;
}

/** Each key once, as it's registered now. */
function keys() {
  const found = new Map(listed().map(({ key, what }) => [NAMES[key] ?? key, what]));
  found.delete("g");
  found.set("↓ ↑", "the next or the row before, in a table");
  found.set("Enter", "open what has the focus");
  return [...found];
}

const NAMES = { Escape: "Esc" };
