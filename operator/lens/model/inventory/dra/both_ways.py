"""GPUs that a node offers both by a device plugin and by DRA: each counts once in the totals.

Nothing says which of them are the same. The scheduler doesn't know either: what can be placed on the node, it
takes from both.
"""

from collections.abc import Iterable

import msgspec

from lens.model.gpu.device_ids import parse
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.pod import Pod
from lens.model.k8s.vendors import domain_of

BOTH_WAYS = "BOTH_WAYS"
"""A device plugin and DRA offer GPUs of one vendor, and nothing tells which of them are the same."""


class Offered(msgspec.Struct, frozen=True, gc=False):
    """The GPUs that are offered in one way: those that are held, unhealthy, and free."""

    held: int
    unhealthy: int
    free: int

    @property
    def total(self) -> int:
        """Return the number of GPUs."""
        return self.held + self.unhealthy + self.free


class Joined(msgspec.Struct, frozen=True, gc=False):
    """The GPUs of both ways together. ``approximate`` numbers may be others."""

    offered: Offered
    approximate: bool


def joined(plugin: Offered, dra: Offered, held_ids: int | None, reported: int | None) -> Joined:
    """Return the GPUs of both ways.

    ``held_ids`` is the number of different GPUs that are held in either way, if all of them are known, and
    ``reported`` the number that the node's agent or exporter sees.
    """
    larger, both = max(plugin.total, dra.total), plugin.total + dra.total
    total = larger if reported is None or reported < larger else min(both, reported)
    known = reported == larger
    held = min(total, plugin.held + dra.held) if held_ids is None else min(total, held_ids)
    held = max(held, plugin.held, dra.held)
    separate = total == both
    unhealthy = (sum if separate else max)((plugin.unhealthy, dra.unhealthy))
    unhealthy = min(unhealthy, total - held)
    approximate = not known or (held_ids is None and bool(plugin.held and dra.held))
    return Joined(Offered(held, unhealthy, total - held - unhealthy), approximate)


def held_ids(domain: str, held: int, pods: Iterable[Pod], gpus: Iterable[HeldGpu]) -> int | None:
    """Return how many different GPUs are held in either way; None unless each can be told from all others.

    ``held`` is the number that pods hold of a device plugin's; their status names them.
    """
    named = [
        parse(device.id) for pod in pods for device in pod.devices if domain_of(device.resource) == domain
    ]
    claimed = [each.gpu for each in gpus if each.state == "allocated"]
    for own, others in (
        ([each.gpu_uuid for each in named], [gpu.uuid for gpu in claimed]),
        ([each.pci_bus_id for each in named], [gpu.pci_bus_id for gpu in claimed]),
    ):
        if None not in own and None not in others and len(set(own)) >= held:
            return len({*own, *others})
    return None
