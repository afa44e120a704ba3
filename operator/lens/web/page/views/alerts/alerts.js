// What is wrong now, the worst first, and what to do about it.
import { html, useMemo } from "../../core/html.js";
import { can, scope } from "../../client/access.js";
import { commands } from "../../core/commands.js";
import { count } from "../../core/format.js";
import { route, setParams } from "../../core/router.js";
import { alerts } from "../../cluster/store.js";
import { Elapsed } from "../../cells/elapsed.js";
import { Severity } from "../../cells/marked.js";
import { NotAllowed } from "../../cells/refusal.js";
import { Table, arranged } from "../../parts/table.js";
import { ChoiceFilter, Filters, TextFilter } from "../../lists/filters.js";
import { usePart } from "../../lists/show_more.js";
import { Source } from "./source.js";

const ORDER = ["critical", "warning", "info"];

const COLUMNS = [
  { id: "severity", title: "Severity", value: (alert) => ORDER.indexOf(alert.severity), cell: (alert) => html`<${Severity} of=${alert.severity} />` },
  { id: "since", title: "For", value: (alert) => -Date.parse(alert.timestamp), cell: (alert) => html`<${Elapsed} from=${alert.timestamp} />`, numeric: true },
  { id: "about", title: "About", value: (alert) => alert.source, cell: (alert) => html`<${Source} of=${alert.source} />`, hide: "narrow" },
  { id: "what", title: "What is wrong, and what to do", value: (alert) => `${alert.message} ${alert.action} ${alert.type}`, cell: (alert) => html`<${What} alert=${alert} />`, grow: true },
  { id: "type", title: "Type", value: (alert) => alert.type, hide: "medium" },
];

export default function Alerts() {
  const { q = "", severity = "", type = "", sort = "severity" } = route.value.params;
  const all = alerts.rows();
  const found = useMemo(() => {
    const chosen = all.filter((alert) => (!severity || alert.severity === severity) && (!type || alert.type === type));
    // Of equals the newest first.
    const newest = [...chosen].sort((a, b) => (a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0));
    return arranged(newest, COLUMNS, { sort, search: q });
  }, [all, q, severity, type, sort]);
  const [part, more] = usePart(found, JSON.stringify([q, severity, type, sort]));
  if (!can.value.alerts) return html`<${NotAllowed} what="the cluster's alerts" />`;
  return html`<section class="panel">
    <div class="panel-head"><h1>Alerts</h1><p class="muted">${summary(all)}</p></div>
    <${Filters} label="Filter the alerts">
      <${TextFilter} name="q" label="Search" placeholder="node, pod, message" />
      <${ChoiceFilter} name="severity" label="Severity" options=${[["", "any"], ...ORDER.map((name) => [name, `${name} (${all.filter((alert) => alert.severity === name).length})`])]} />
      <${ChoiceFilter} name="type" label="Type" options=${[["", "any"], ...[...new Set(all.map((alert) => alert.type))].sort().map((name) => [name, name])]} />
    </${Filters}>
    <div class="wrapping"><${Table} stacked caption="Alerts" columns=${COLUMNS} rows=${part} rowKey=${(alert) => alert.id} sort=${sort} onSort=${(next) => setParams({ sort: next })}
      commands=${(alert) => ({ of: alert.source, ...commands.alert(scope.value, alert) })} rowClass=${(alert) => `severity-${alert.severity}`}
      empty=${all.length ? `None of ${count(all.length)} alerts matches.` : "Nothing is wrong."} /></div>
    ${more}
  </section>`;
}

function summary(all) {
  const parts = ORDER.map((name) => [name, all.filter((alert) => alert.severity === name).length]).filter(([, number]) => number);
  return parts.length ? parts.map(([name, number]) => `${number} ${name}`).join(", ") : "none";
}

function What({ alert }) {
  return html`<span class="only-narrow"><${Source} of=${alert.source} /></span><span class="because">${alert.message}</span><span class="below">${alert.action}</span>`;
}
