// What "copy as" copies: the same rows by curl and by kubectl.
import { curl as curlAt, kubectl, kubectlEvents, quoted } from "../words/commands.js";
import { parseObject } from "../words/objects.js";
import { base } from "../client/api.js";

/** curl of an endpoint: curl("realtime/status", { cluster }). */
export const curl = (path, params) => curlAt(base(), `api/v1/${path}`, params);

/** { curl, kubectl } for a row; `scope` is client/access.js'. */
export const commands = {
  node: (scope, name) => ({
    curl: curl(`realtime/nodes/${encodeURIComponent(name)}`, scope),
    kubectl: kubectl("Node", null, name, "describe"),
  }),
  task: (scope, row) => ({
    curl: curl("realtime/running-tasks", { ...scope, namespace: row.namespace, node: row.node_name }),
    kubectl: kubectl("Pod", row.namespace, row.pod_name, "describe"),
  }),
  pending: (scope, row) => ({
    curl: curl("realtime/pending-tasks", { ...scope, namespace: row.namespace }),
    kubectl: kubectl("Pod", row.namespace, row.pod_name, "describe"),
  }),
  namespace: (scope, name) => ({
    curl: curl("realtime/running-tasks", { ...scope, namespace: name }),
    kubectl: `kubectl get pods -n ${quoted(name)} -o wide`,
  }),
  alert: (scope, row) => ({
    curl: curl("realtime/status", { ...scope, include: "alerts" }),
    kubectl: row.pod
      ? kubectl("Pod", row.namespace, row.pod, "describe")
      : row.node
        ? kubectl("Node", null, row.node, "describe")
        : undefined,
  }),
  event: (scope, row) => {
    const { kind, namespace, name, node } = parseObject(row.object);
    return {
      curl: curl("realtime/status", { ...scope, include: "events", event_object: row.object }),
      kubectl: node ? kubectlEvents("Node", null, node) : kubectlEvents(kind, namespace, name),
    };
  },
};
