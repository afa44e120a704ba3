"""GPUs of DRA: a node's, joined with those that telemetry reports or in rows of their own.

Those of no node, too, as far as claims hold them.
"""

from collections.abc import Iterable, Mapping

import msgspec

from lens.api.endpoints.capacity import without_value
from lens.api.schemas.dra import DeviceClaim, DraDevice, DraGpu, NoNodeGpu
from lens.api.schemas.node_detail import Gpu, GpuHolder
from lens.model.gpu.node_report import Claimed
from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.dra.gpus import SLICE_GONE, HeldGpu
from lens.model.inventory.dra.holders import DeviceHolder
from lens.model.inventory.objects.claim import DeviceKey
from lens.model.inventory.objects.device import Device, Place
from lens.model.inventory.occupancy.allocated_gpus import UNHEALTHY
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.k8s import timestamps
from lens.model.k8s.bounds import MAX_ENTRIES, MAX_SHOWN_DEVICES, MAX_SHOWN_GPUS

NO_TELEMETRY = "NO_TELEMETRY"
NOT_REPORTED = "NOT_REPORTED"

MEASURED = (
    "index",
    "utilization",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_celsius",
    "power_watts",
)
"""The fields of a GPU that only telemetry has."""

Containers = Mapping[DeviceKey, list[Claimed]]


def with_dra(
    rows: list[Gpu], occupied: NodeOccupancy, telemetry: NodeTelemetry | None, current_at: float
) -> list[Gpu]:
    """Return a node's GPUs, each once, with their fields of DRA.

    ``rows`` are those that its telemetry, or else its pods, name. One with the uuid, or the PCI address, of a
    GPU that DRA hands out is that GPU.
    """
    if not occupied.gpus:
        return rows
    containers: dict[DeviceKey, list[Claimed]] = {}
    for each in (telemetry.claimed if telemetry is not None else None) or ():
        containers.setdefault(DeviceKey(each.driver, each.pool, each.device), []).append(each)
    by_uuid = {row["uuid"]: row for row in rows if row["uuid"] is not None}
    by_address = {
        gpu.pci_bus_id: row
        for gpu, row in zip(telemetry.gpus if telemetry is not None else (), rows, strict=False)
        if gpu.pci_bus_id is not None
    }
    unreported = NO_TELEMETRY if telemetry is None or not telemetry.gpus else NOT_REPORTED
    found = list(rows)
    for held in occupied.gpus:
        row = by_uuid.get(held.gpu.uuid) if held.gpu.uuid is not None else None
        if row is None and held.gpu.pci_bus_id is not None:
            row = by_address.get(held.gpu.pci_bus_id)
            if row is not None and None not in (row["uuid"], held.gpu.uuid):
                # With two different uuids it is another GPU.
                row = None
        if row is None or "dra" in row:
            if len(found) - len(rows) >= MAX_SHOWN_GPUS:
                break
            found.append(_own_row(held, containers, unreported, current_at))
        else:
            _join(row, held, containers)
    return found


def no_node_gpu(held: HeldGpu, namespace: str | None, *, capacity: bool) -> NoNodeGpu | None:
    """Return a GPU of no node with its holders; None if it has none, or none in the ``namespace``.

    Of several holders it has those in the namespace. As ``capacity`` it is without the values of taints.
    """
    if namespace is not None:
        own = tuple(each for each in held.holders if each.claim.namespace == namespace)
        held = msgspec.structs.replace(held, holders=own)
    if not held.holders:
        return None
    row = _dra(held)
    if capacity:
        for device in row["devices"]:
            device["taints"] = list(map(without_value, device["taints"]))
    return {**row, "uuid": held.gpu.uuid, "product": held.gpu.product, "memory_bytes": held.gpu.memory_bytes}


def _join(row: Gpu, held: HeldGpu, containers: Containers) -> None:
    """Add to a row the fields that DRA has for its GPU."""
    row["dra"] = _dra(held)
    row["holders"] += _containers(held, containers)
    row["product"] = row["product"] or held.gpu.product
    if _unhealthy(held) and row["health"] in ("ok", "unknown"):
        row["health"] = "critical"
        row["health_because"].append(UNHEALTHY)
    if row["state"] != "allocated" and (row["state"] != "unhealthy" or held.state == "allocated"):
        row["state"] = held.state


def _own_row(held: HeldGpu, containers: Containers, unreported: str, current_at: float) -> Gpu:
    """Return the row of a GPU that only DRA lists."""
    gpu = held.gpu
    unsaid = SLICE_GONE if held.reason == SLICE_GONE else NOT_REPORTED
    reasons = dict.fromkeys(MEASURED, unreported)
    reasons |= {
        name: unsaid for name, value in (("uuid", gpu.uuid), ("product", gpu.product)) if value is None
    }
    if gpu.memory_bytes is not None:
        del reasons["memory_total_bytes"]
    unhealthy = _unhealthy(held)
    healthy = any(each.health == "Healthy" for each in held.holders)
    return {
        "source": "dra",
        "index": None,
        "uuid": gpu.uuid,
        "product": gpu.product,
        "state": held.state,
        "holders": _containers(held, containers),
        "utilization": None,
        "memory_used_bytes": None,
        "memory_total_bytes": gpu.memory_bytes,
        "temperature_celsius": None,
        "power_watts": None,
        "health": "critical" if unhealthy else "ok" if healthy else "unknown",
        "health_because": [UNHEALTHY] if unhealthy else [],
        "recovery_action": None,
        "instances": [],
        "sampled_at": timestamps.render(current_at),
        "reasons": reasons,
        "dra": _dra(held),
    }


def _unhealthy(held: HeldGpu) -> bool:
    return any(each.health == "Unhealthy" for each in held.holders)


def _containers(held: HeldGpu, containers: Containers) -> list[GpuHolder]:
    """Return the containers that have a GPU by claims, as the node's agent names them."""
    parts = {device.name: device.uuid for device in held.gpu.devices if device.is_part}
    found: dict[tuple[str, str, str, str | None], GpuHolder] = {}
    for key in dict.fromkeys(each.allocated.key for each in held.holders):
        for each in containers.get(key, ()):
            part = parts.get(key.device)
            found[each.namespace, each.pod, each.container, part] = {
                "namespace": each.namespace,
                "pod": each.pod,
                "container": each.container,
                "instance_uuid": part,
            }
    return list(found.values())


def _dra(held: HeldGpu) -> DraGpu:
    gpu = held.gpu
    holders: dict[str, list[DeviceHolder]] = {}
    for each in held.holders:
        holders.setdefault(each.allocated.device, []).append(each)
    # The devices of a GPU that no slice lists are named by its claims alone.
    devices = gpu.devices or (Device(Place(gpu.driver, gpu.pool, gpu.node), gpu.name),)
    shown = sorted(devices, key=lambda device: device.name not in holders)[:MAX_SHOWN_DEVICES]
    return {
        "driver": gpu.driver,
        "pool": gpu.pool,
        "name": gpu.name,
        "state": held.state,
        "reason": held.reason,
        "pci_bus_id": gpu.pci_bus_id,
        "largest_partition_left": held.largest_partition_left,
        "total_devices": len(devices),
        "devices": [_device(device, held, holders.get(device.name, ())) for device in shown],
    }


def _device(device: Device, held: HeldGpu, holders: Iterable[DeviceHolder]) -> DraDevice:
    by_rules = [each for each in held.taints if each.device == device.name]
    return {
        "device": device.name,
        "type": device.kind.type,
        "profile": device.kind.profile,
        "uuid": device.uuid,
        "memory_bytes": device.memory_bytes,
        "driver_version": device.kind.driver_version,
        "nvlink_clique": device.kind.nvlink_clique,
        "numa_node": device.kind.numa_node,
        "taints": [str(taint) for taint in (*device.taints, *(each.taint for each in by_rules))],
        "taint_rules": [each.rule for each in by_rules],
        "capacity_left": next(
            (dict(each.left) for each in held.capacity_left if each.device == device.name), {}
        ),
        "claims": [_claim(each) for each in holders],
    }


def _claim(holder: DeviceHolder) -> DeviceClaim:
    allocated, since = holder.allocated, holder.claim.allocated_at
    return {
        "namespace": holder.claim.namespace,
        "resource_claim": holder.claim.name,
        "request": allocated.request,
        "share_id": allocated.share_id,
        "consumed": dict(allocated.consumed),
        "total_pods": len(holder.pods),
        "pods": [pod.name for pod in holder.pods[:MAX_ENTRIES]],
        "without_pod": holder.without_pod,
        "allocated_at": None if since is None else timestamps.render(since),
        "health": holder.health,
        "conditions": [
            {"type": each.type, "status": each.status, "reason": each.reason} for each in allocated.conditions
        ],
        "waits_for": list(allocated.waits_for),
        "failed": list(allocated.failed),
    }
