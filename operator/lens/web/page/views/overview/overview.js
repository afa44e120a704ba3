// The first screen: the GPUs by state, what fits, who holds GPUs, and which pods wait.
import { html } from "../../core/html.js";
import { can } from "../../client/access.js";
import { status } from "../../cluster/store.js";
import { GpuMap } from "../../map/map.js";
import { useTableKey } from "../../parts/picture.js";
import { Fit } from "./fit.js";
import { Namespaces } from "./namespaces.js";
import { StateBar } from "./state_bar.js";
import { Tiles } from "./tiles.js";
import { Waiting } from "./waiting.js";

export default function Overview() {
  useTableKey(["states", "map"]);
  const parts = can.value;
  const figures = status.value !== null;
  return html`<div class="overview">
    <${StateBar} />
    ${figures && html`<${Tiles} />`}
    ${(parts.nodes || parts.tasks) && html`<${GpuMap} />`}
    <div class="aside">${parts.fit && html`<${Fit} />`}${parts.tasks && html`<${Namespaces} />`}</div>
    ${parts.pending && html`<${Waiting} />`}
  </div>`;
}
