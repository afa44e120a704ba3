// The views by the first part of the address. Each is a module of its own, loaded when it's first shown, except the first one.
//
// `part` names the part of client/access.js' `can` without which there is no such view, `nav` its word in the header.

import Overview from "./overview/overview.js";

export const VIEWS = {
  overview: { title: "Overview", nav: "Overview", part: null, load: async () => ({ default: Overview }) },
  nodes: { title: "Nodes", nav: "Nodes", part: "nodes", load: () => import("./nodes/nodes.js") },
  tasks: { title: "Tasks", nav: "Tasks", part: "tasks", load: () => import("./tasks/tasks.js") },
  pending: { title: "Pending", nav: "Pending", part: "pending", load: () => import("./pending/pending.js") },
  alerts: { title: "Alerts", nav: "Alerts", part: "alerts", load: () => import("./alerts/alerts.js") },
  events: { title: "Events", nav: "Events", part: "events", load: () => import("./events/events.js") },
  history: { title: "History", nav: "History", part: "status", load: () => import("./history/history.js") },
  clusters: { title: "Clusters", nav: "Clusters", part: "clusters", load: () => import("./clusters/clusters.js") },
};
