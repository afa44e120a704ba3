// The nodes with GPUs: a list, or one of them.
import { html } from "../../core/html.js";
import { NodeList } from "./node_list.js";
import { NodePage } from "./node_page.js";

export default function Nodes({ route }) {
  const name = route.path[1];
  return name === undefined ? html`<${NodeList} />` : html`<${NodePage} key=${name} name=${name} />`;
}
