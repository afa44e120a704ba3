"""The GPUs that pods name in their status: the only source on a node without telemetry."""

from collections.abc import Iterable

import msgspec

from lens.model.gpu.device_ids import parse
from lens.model.gpu.node_report import Health, Holder
from lens.model.inventory.objects.pod import Pod

UNHEALTHY = "UNHEALTHY"


class AllocatedGpu(msgspec.Struct, frozen=True):
    """A GPU, its holders, and the worst health that its device plugin reports for a part of it (KEP-4680)."""

    uuid: str
    holders: tuple[Holder, ...]
    health: Health


def named_gpus(pods: Iterable[Pod]) -> dict[str, AllocatedGpu]:
    """Return the GPUs that pods name, sorted by uuid. A MIG device doesn't name its GPU."""
    holders: dict[str, list[Holder]] = {}
    healths: dict[str, set[str]] = {}
    for pod in pods:
        for device in pod.devices:
            parsed = parse(device.id)
            if parsed.gpu_uuid is None:
                continue
            healths.setdefault(parsed.gpu_uuid, set()).add(device.health)
            holders.setdefault(parsed.gpu_uuid, []).append(
                Holder(
                    namespace=pod.namespace,
                    pod=pod.name,
                    container=device.container,
                    resource=device.resource,
                    device_id=device.id,
                    gpu_uuid=parsed.gpu_uuid,
                    instance_uuid=parsed.instance_uuid,
                    replica=parsed.replica,
                )
            )
    return {
        uuid: AllocatedGpu(uuid, tuple(holders[uuid]), _health(healths[uuid])) for uuid in sorted(holders)
    }


def _health(reported: set[str]) -> Health:
    if "Unhealthy" in reported:
        return Health(state="critical", because=(UNHEALTHY,))
    return Health(state="ok" if "Healthy" in reported else "unknown")
