// The row of fields above a list. What they say is in the address, so that the list is a link to send.
import { html, useEffect, useId, useRef, useState } from "../core/html.js";
import { route, setParams } from "../core/router.js";

const TYPING_MS = 150;

/** A form that sends nothing. */
export function Filters({ label, children }) {
  return html`<form class="filters" role="search" aria-label=${label} onSubmit=${(event) => event.preventDefault()}>${children}</form>`;
}

/** A text; `name` is the parameter. */
export function TextFilter({ name, label, placeholder }) {
  const given = route.value.params[name] ?? "";
  const [text, setText] = useState(given);
  const timer = useRef(null);
  const id = useId();
  useEffect(() => setText(given), [given]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const typed = (event) => {
    const value = event.currentTarget.value;
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParams({ [name]: value || null }), TYPING_MS);
  };
  return html`<div class="filter wide"><label for=${id}>${label}</label>
    <input id=${id} type="search" value=${text} placeholder=${placeholder} autocomplete="off" spellcheck=${false} onInput=${typed} /></div>`;
}

/** A choice. options: [[value, text], …]; the first is the default, and not in the address. */
export function ChoiceFilter({ name, label, options }) {
  const id = useId();
  const present = route.value.params[name] ?? options[0][0];
  const all = options.some(([value]) => value === present) ? options : [...options, [present, present]];
  const chosen = (event) => setParams({ [name]: event.currentTarget.value === options[0][0] ? null : event.currentTarget.value });
  return html`<div class="filter"><label for=${id}>${label}</label>
    <select id=${id} value=${present} onChange=${chosen}>${all.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></div>`;
}

/** A yes or no; "1" in the address. */
export function CheckFilter({ name, label }) {
  const checked = route.value.params[name] === "1";
  return html`<label class="check"><input type="checkbox" checked=${checked} onChange=${(event) => setParams({ [name]: event.currentTarget.checked ? "1" : null })} />${label}</label>`;
}

/** What a link has chosen, to be removed; nothing without a text. */
export function Chosen({ name, text }) {
  if (!text) return null;
  return html`<button type="button" class="small chosen" aria-label=${`Remove the filter: ${text}`} onClick=${() => setParams({ [name]: null })}>${text} <span aria-hidden="true">✕</span></button>`;
}
