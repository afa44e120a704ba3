// The search: type, arrows choose, Enter opens, Esc closes. A combobox by the ARIA practices: the focus stays in the field.
import { html, useEffect, useId, useMemo, useRef, useState } from "../core/html.js";
import { announce } from "../core/announce.js";
import { counted } from "../core/format.js";
import { go } from "../core/router.js";
import { keepPending } from "../cluster/pending.js";
import { Dialog } from "../parts/dialog.js";
import { searchEntries } from "./entries.js";
import { rank } from "./ranking.js";

const KINDS = { page: "page", namespace: "namespace", node: "node", workload: "workload", task: "pod", pending: "waits" };
const MAX_RESULTS = 30;

export default function SearchDialog({ onClose }) {
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const list = useRef(null);
  useEffect(keepPending, []);
  const entries = useMemo(searchEntries, []);
  const { found, total } = useMemo(() => (query.trim() ? rank(query, entries, MAX_RESULTS) : { found: entries.filter(({ kind }) => kind === "page"), total: 0 }), [query]);
  const at = Math.min(chosen, found.length - 1);
  useEffect(() => list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }), [at, found]);
  useEffect(() => {
    if (query.trim()) announce(total ? counted(total, "result") : "No results");
  }, [query]);
  const open = (entry) => {
    onClose();
    go(...entry.to);
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) setChosen(Math.max(0, Math.min(found.length - 1, at + step)));
    else if (event.key === "Enter" && found[at]) open(found[at]);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title="Search" onClose=${onClose} className="search-dialog">
    <input type="search" role="combobox" aria-label="Search nodes, pods, workloads, namespaces and pages" aria-expanded="true" aria-controls=${id}
      aria-activedescendant=${found.length ? `${id}-${at}` : undefined} aria-autocomplete="list" autofocus autocomplete="off" spellcheck=${false}
      placeholder="node, pod, workload, namespace, page" value=${query} onKeyDown=${onKeyDown}
      onInput=${(event) => {
        setQuery(event.currentTarget.value);
        setChosen(0);
      }} />
    <ul id=${id} role="listbox" aria-label="Results" class="results" ref=${list}>
      ${found.map((entry, i) => html`<li key=${`${entry.kind} ${entry.to.join("/")} ${entry.name}`} id=${`${id}-${i}`} role="option" aria-selected=${i === at ? "true" : "false"}
          onClick=${() => open(entry)} onPointerMove=${() => setChosen(i)}>
        <span class="kind">${KINDS[entry.kind]}</span><span class="found"><${Marked} text=${entry.name} query=${query} /></span><span class="detail">${entry.detail}</span></li>`)}
    </ul>
    ${query.trim() && html`<p class="muted">${total > found.length ? `The best ${found.length} of ${counted(total, "result")}.` : total ? counted(total, "result") : "Nothing is called so. Tasks that ended and nodes without GPUs aren't here."}</p>`}
  </${Dialog}>`;
}

/** A name with what was typed marked in it. */
function Marked({ text, query }) {
  const words = query.toLowerCase().split(/[\s/]+/).filter(Boolean);
  const lower = text.toLowerCase();
  const [word, at] = words.map((each) => [each, lower.indexOf(each)]).find(([, index]) => index >= 0) ?? [null, -1];
  if (at < 0) return text;
  return html`${text.slice(0, at)}<mark>${text.slice(at, at + word.length)}</mark>${text.slice(at + word.length)}`;
}
