// The views by the first part of the address. Each is a module of its own, loaded when it's first shown, except the first one.
//
// `part` names the part of client/access.js' `can` without which there is no such view, `nav` its word in the header.

import { beyond } from "../parts/lazy.js";
import Overview from "./overview/overview.js";

export const VIEWS = {
  overview: { title: "Overview", nav: "Overview", part: null, view: Overview },
  nodes: { title: "Nodes", nav: "Nodes", part: "nodes", view: beyond(() => import("./nodes/nodes.js")) },
  tasks: { title: "Tasks", nav: "Tasks", part: "tasks", view: beyond(() => import("./tasks/tasks.js")) },
  pending: { title: "Pending", nav: "Pending", part: "pending", view: beyond(() => import("./pending/pending.js")) },
  alerts: { title: "Alerts", nav: "Alerts", part: "alerts", view: beyond(() => import("./alerts/alerts.js")) },
  events: { title: "Events", nav: "Events", part: "events", view: beyond(() => import("./events/events.js")) },
  history: { title: "History", nav: "History", part: null, view: beyond(() => import("./history/history.js")) },
  clusters: { title: "Clusters", nav: "Clusters", part: "clusters", view: beyond(() => import("./clusters/clusters.js")) },
};
