// What has happened, newest first, as it happens.
import { html, useEffect, useMemo } from "../../core/html.js";
import { can } from "../../client/access.js";
import { announce } from "../../core/announce.js";
import { count, counted } from "../../core/format.js";
import { route } from "../../core/router.js";
import { events } from "../../cluster/store.js";
import { NotAllowed } from "../../cells/refusal.js";
import { arranged } from "../../parts/table.js";
import { ChoiceFilter, Chosen, Filters, TextFilter } from "../../lists/filters.js";
import { usePart } from "../../lists/show_more.js";
import { isOnNode } from "../../words/objects.js";
import { EVENT_COLUMNS, EventTable } from "./event_table.js";

/** Types that one filter selects together. */
const KINDS = {
  tasks: (type) => type.startsWith("Task"),
  nodes: (type) => type.startsWith("Node"),
  gpus: (type) => type.startsWith("Gpu"),
  alerts: (type) => type.startsWith("Alert"),
  kubernetes: (type) => type === "Kubernetes",
};

const CHOICES = [["", "any"], ["tasks", "tasks"], ["nodes", "nodes"], ["gpus", "GPUs"], ["alerts", "alerts"], ["kubernetes", "Kubernetes' warnings"]];

export default function Events() {
  const { q = "", type = "", about = "", node = "" } = route.value.params;
  const all = events.value;
  const found = useMemo(() => {
    const isKind = Object.hasOwn(KINDS, type) ? KINDS[type] : (name) => !type || name === type;
    return arranged(all.filter((event) => isKind(event.type) && (!about || event.object === about) && (!node || isOnNode(event, node))), EVENT_COLUMNS, { search: q });
  }, [all, q, type, about, node]);
  const [part, more] = usePart(found, JSON.stringify([q, type, about, node]));
  useEffect(() => announce(counted(found.length, "event")), [q, type, about, node]);
  if (!can.value.events) return html`<${NotAllowed} what="the cluster's events" />`;
  return html`<section class="panel">
    <div class="panel-head"><h1>Events</h1><p class="muted">${count(found.length)} of the latest ${counted(all.length, "event")}, newest first</p></div>
    <${Filters} label="Filter the events">
      <${TextFilter} name="q" label="Search" placeholder="pod, node, message" />
      <${ChoiceFilter} name="type" label="Kind" options=${CHOICES} />
      <${Chosen} name="about" text=${about && `about ${about}`} />
      <${Chosen} name="node" text=${node && `on ${node}`} />
    </${Filters}>
    <${EventTable} events=${part} caption="Events" empty=${all.length ? `None of ${count(all.length)} events matches.` : "Nothing has happened yet."} />
    ${more}
  </section>`;
}
