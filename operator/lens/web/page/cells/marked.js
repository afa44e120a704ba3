// A state as a glyph and its word: the colour only repeats what the glyph says.
import { html } from "../core/html.js";
import { STATE } from "../cluster/gpu_states.js";

/** A GPU's state, by its id in cluster/gpu_states.js; others are shown by their name. */
export function GpuState({ id }) {
  const { glyph, name, means } = STATE[id] ?? { glyph: "?", name: id, means: "It isn't known." };
  return html`<${Marked} kind=${id} glyph=${glyph} title=${means}>${name}</${Marked}>`;
}

const SEVERITIES = { critical: "✕", warning: "!", info: "i" };

/** An alert's severity. */
export function Severity({ of }) {
  return html`<${Marked} kind=${of} glyph=${SEVERITIES[of] ?? "?"}>${of}</${Marked}>`;
}

const HEALTH = { ok: ["✓", "ok"], warning: ["!", "warning"], critical: ["✕", "critical"], lost: ["✕", "lost"], unknown: ["?", "unknown"] };

/** A GPU's health with its causes. */
export function Health({ of, because = [] }) {
  const [glyph, word] = HEALTH[of] ?? ["?", of];
  return html`<${Marked} kind=${`health-${of}`} glyph=${glyph}>${word}${because.length ? `: ${because.join(", ")}` : ""}</${Marked}>`;
}

/** Any other state: `kind` is "good", "bad", "wary" or "plain". */
export function Marked({ kind, glyph, title, children }) {
  return html`<span class="marked" data-kind=${kind} title=${title}><span class="glyph" aria-hidden="true">${glyph}</span> ${children}</span>`;
}
