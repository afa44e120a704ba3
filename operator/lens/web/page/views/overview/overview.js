// The first screen.
import { html } from "../../core/html.js";
import { summary } from "../../core/figures.js";
import { Figure } from "../../parts/figure.js";

export default function Overview() {
  const figures = summary.value;
  return html`<div class="overview"><h1><${Figure} path="current_gpu_usage.total_gpus" value=${figures?.total} /> GPUs</h1></div>`;
}
