// The pods that hold GPUs: a list, or one of them.
import { html } from "../../core/html.js";
import { can } from "../../client/access.js";
import { NotAllowed } from "../../cells/refusal.js";
import { TaskList } from "./task_list.js";
import { TaskPage } from "./task_page.js";

export default function Tasks({ route }) {
  const [, namespace, name] = route.path;
  if (!can.value.tasks) return html`<${NotAllowed} what="pods" />`;
  return name === undefined
    ? html`<${TaskList} namespace=${namespace} />`
    : html`<${TaskPage} key=${`${namespace}/${name}`} namespace=${namespace} name=${name} />`;
}
