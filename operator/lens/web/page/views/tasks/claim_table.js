// The ResourceClaims of a pod, with the devices that they hold for it.
import { html } from "../../core/html.js";
import { Marked } from "../../cells/marked.js";
import { Uuid } from "../../cells/names.js";
import { Table } from "../../parts/table.js";
import { kubectl } from "../../words/commands.js";
import { listed } from "../../words/reasons.js";

const REASONS = {
  NOT_CREATED: "no claim was made of the template",
  NOT_FOUND: "the claim doesn't exist",
  NOT_ALLOCATED: "not allocated",
  NO_DEVICE_CLASS: "the DeviceClass doesn't exist",
  TERMINATING: "the claim is being deleted",
  NOT_RESERVED: "not reserved for this pod",
  BINDING_CONDITIONS: "its device waits for conditions",
  BINDING_FAILED: "its device has failed",
};

const COLUMNS = [
  { id: "name", title: "In the pod", value: (claim) => claim.name },
  { id: "claim", title: "ResourceClaim", value: (claim) => claim.resource_claim },
  { id: "ready", title: "Ready", value: (claim) => (claim.ready ? "ready" : claim.reason), cell: (claim) => html`<${Ready} claim=${claim} />` },
  { id: "gpus", title: "GPUs", value: (claim) => claim.gpus, numeric: true, figure: "gpus" },
  { id: "devices", title: "Devices", value: (claim) => claim.devices.map(({ device }) => device).join(" "), cell: (claim) => html`<${Devices} of=${claim.devices} />`, grow: true },
];

export function ClaimTable({ claims, namespace }) {
  return html`<section class="panel"><div class="panel-head"><h2>Claims</h2></div>
    <${Table} caption="ResourceClaims of this pod" columns=${COLUMNS} rows=${claims} rowKey=${(claim) => claim.name ?? claim.resource_claim ?? "extended"}
      commands=${(claim) => (claim.resource_claim === null ? {} : { of: claim.resource_claim, kubectl: kubectl("ResourceClaim", namespace, claim.resource_claim, "describe") })} /></section>`;
}

function Ready({ claim }) {
  if (claim.ready) return html`<${Marked} kind="good" glyph="✓">ready</${Marked}>`;
  const words = REASONS[claim.reason] ?? claim.reason;
  return html`<${Marked} kind="wary" glyph="!">${words}${claim.waits_for.length ? `: ${listed(claim.waits_for)}` : ""}</${Marked}>`;
}

function Devices({ of }) {
  return of.map((device, at) => html`${at > 0 && ", "}<span key=${`${device.pool}/${device.device}/${device.share_id}`} title=${`${device.driver}, pool ${device.pool}, request ${device.request}`}>${device.device} ${device.gpu_uuid && html`<${Uuid} of=${device.gpu_uuid} />`}</span>`);
}
