"""GPUs as the pods name them that hold them: what is known of them where no agent and no exporter tells."""

from collections.abc import Iterable

import msgspec

from lens.model.gpu.device_ids import parse
from lens.model.gpu.node_report import Health, Holder
from lens.model.inventory.pod import Pod

UNHEALTHY = "UNHEALTHY"


class AllocatedGpu(msgspec.Struct, frozen=True):
    """A GPU, who holds it, and the worst that its device plugin says of any part of it (KEP-4680)."""

    uuid: str
    holders: tuple[Holder, ...]
    health: Health


def named_gpus(pods: Iterable[Pod]) -> dict[str, AllocatedGpu]:
    """Return the GPUs that pods name, by uuid and sorted by it. A MIG device doesn't name its GPU."""
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


def _health(told: set[str]) -> Health:
    if "Unhealthy" in told:
        return Health(state="critical", because=(UNHEALTHY,))
    return Health(state="ok" if "Healthy" in told else "unknown")
