// The pods that wait for GPUs: by workload, or one of them.
import { html, useEffect } from "../../core/html.js";
import { can } from "../../client/access.js";
import { keepPending, pending, pendingError } from "../../cluster/pending.js";
import { Link } from "../../parts/link.js";
import { NotAllowed, Refused } from "../../cells/refusal.js";
import { PendingList } from "./pending_list.js";
import { PendingPod } from "./pending_pod.js";

export default function Pending({ route }) {
  useEffect(keepPending, []);
  const [, namespace, name] = route.path;
  if (!can.value.pending) return html`<${NotAllowed} what="pods that wait" />`;
  const rows = pending.value;
  if (rows === null) return pendingError.value ? html`<${Refused} error=${pendingError.value} what="pods that wait" />` : html`<p class="boot">Loading …</p>`;
  if (name === undefined) return html`<${PendingList} rows=${rows} namespace=${namespace} />`;
  const task = rows.find((each) => each.namespace === namespace && each.pod_name === name);
  return task ? html`<${PendingPod} task=${task} />` : html`<${Placed} namespace=${namespace} name=${name} />`;
}

function Placed({ namespace, name }) {
  return html`<section class="sheet" role="status"><h1>${name} doesn't wait any more</h1>
    <p><${Link} to=${["tasks", namespace, name]}>What became of it</${Link}>, or <${Link} to=${["pending"]}>what else waits</${Link}>.</p></section>`;
}
