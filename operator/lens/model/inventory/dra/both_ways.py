"""GPUs that a node offers both by a device plugin and by DRA: each counts once in the totals.

Nothing says which of them are the same. The scheduler doesn't know either: what can be placed on the node, it
takes from both.
"""

from collections.abc import Iterable

import msgspec

from lens.model.gpu.device_ids import parse
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.objects.pod import Pod
from lens.model.k8s.vendors import domain_of

BOTH_WAYS = "BOTH_WAYS"
"""A device plugin and DRA offer GPUs of one vendor, and it is unknown which of them are the same."""


class Offered(msgspec.Struct, frozen=True, gc=False):
    """The GPUs that are offered in one way: those that are held, unhealthy, and free."""

    held: int
    unhealthy: int
    free: int

    @property
    def total(self) -> int:
        """Return the number of GPUs."""
        return self.held + self.unhealthy + self.free


class Identified(msgspec.Struct, frozen=True, gc=False):
    """The GPUs of both ways, as far as uuids and PCI addresses distinguish them.

    ``held`` is the number of different GPUs that are held in either way, None unless all of them are known.
    ``different`` is the number of those that are known to be different, held or not.
    """

    held: int | None = None
    different: int = 0


class Joined(msgspec.Struct, frozen=True, gc=False):
    """The GPUs of both ways together. If ``approximate``, other numbers are possible."""

    offered: Offered
    approximate: bool


def joined(plugin: Offered, dra: Offered, identified: Identified, reported: int | None) -> Joined:
    """Return the GPUs of both ways; ``reported`` is how many the node's agent or exporter sees."""
    larger, both = max(plugin.total, dra.total), plugin.total + dra.total
    total = min(both, max(larger, identified.different, reported or 0))
    held = min(total, plugin.held + dra.held if identified.held is None else identified.held)
    held = max(held, plugin.held, dra.held)
    unhealthy = (sum if total == both else max)((plugin.unhealthy, dra.unhealthy))
    unhealthy = min(unhealthy, total - held)
    if identified.different >= both:
        approximate = False
    else:
        approximate = reported != total or total != larger
        approximate |= identified.held is None and bool(plugin.held and dra.held)
    return Joined(Offered(held, unhealthy, total - held - unhealthy), approximate)


def identified(domain: str, held: int, pods: Iterable[Pod], gpus: Iterable[HeldGpu]) -> Identified:
    """Return which GPUs can be distinguished from others.

    ``held`` is the number that pods hold of a device plugin's; their status names them.
    """
    named = [
        parse(device.id) for pod in pods for device in pod.devices if domain_of(device.resource) == domain
    ]
    offered = [each for each in gpus if each.state != "unknown"]
    claimed = [each.gpu for each in offered if each.state == "allocated"]
    all_held: int | None = None
    different = 0
    for own, offers, claims in (
        (
            [each.gpu_uuid for each in named],
            [each.gpu.uuid for each in offered],
            [gpu.uuid for gpu in claimed],
        ),
        (
            [each.pci_bus_id for each in named],
            [each.gpu.pci_bus_id for each in offered],
            [gpu.pci_bus_id for gpu in claimed],
        ),
    ):
        different = max(different, len({*own, *offers} - {None}))
        if all_held is None and None not in own and None not in claims and len(set(own)) >= held:
            all_held = len({*own, *claims})
    return Identified(all_held, different)
