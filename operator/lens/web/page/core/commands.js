// The same by hand: commands to copy, quoted for a shell.
import { url } from "./api.js";

/** A word of a shell's command, quoted where that's needed. */
export function quote(word) {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** curl of an endpoint: curl("realtime/status", { cluster }). The token comes from $TOKEN. */
export function curl(path, params) {
  return `curl -H "Authorization: Bearer $TOKEN" ${quote(url(path, params))}`;
}

/** kubectl with arguments: kubectl("describe", "node", name). */
export function kubectl(...words) {
  return ["kubectl", ...words.map(quote)].join(" ");
}

/** Both commands for a row: { curl, kubectl }. */
export const commands = {
  node: (scope, name) => ({
    curl: curl(`realtime/nodes/${encodeURIComponent(name)}`, scope),
    kubectl: kubectl("describe", "node", name),
  }),
  task: (scope, row) => ({
    curl: curl("realtime/running-tasks", { ...scope, namespace: row.namespace, node: row.node_name }),
    kubectl: kubectl("describe", "pod", "-n", row.namespace, row.pod_name),
  }),
  pending: (scope, row) => ({
    curl: curl("realtime/pending-tasks", { ...scope, namespace: row.namespace }),
    kubectl: kubectl("describe", "pod", "-n", row.namespace, row.pod_name),
  }),
  namespace: (scope, name) => ({
    curl: curl("realtime/running-tasks", { ...scope, namespace: name }),
    kubectl: kubectl("get", "pods", "-n", name, "-o", "wide"),
  }),
  alert: (scope, row) => ({
    curl: curl("realtime/status", { ...scope, include: "alerts" }),
    kubectl: row.pod
      ? kubectl("describe", "pod", "-n", row.namespace, row.pod)
      : row.node
        ? kubectl("describe", "node", row.node)
        : kubectl("get", "nodes"),
  }),
  event: (scope, row) => ({
    curl: curl("realtime/status", { ...scope, include: "events", event_object: row.object }),
    kubectl: kubectlEvents(row),
  }),
};

function kubectlEvents({ object, namespace }) {
  const [kind, ...rest] = object.split("/");
  if (kind === "Pod" && rest.length === 2) return kubectl("events", "-n", namespace ?? rest[0], "--for", `pod/${rest[1]}`);
  if (kind === "Node" || kind === "GPU") return kubectl("events", "-n", "default", "--for", `node/${rest[0]}`);
  return kubectl("events", "-A");
}
