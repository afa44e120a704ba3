"""A node as the ledger stores it: its GPUs by resource, and what keeps GPU pods away."""

from collections.abc import Sequence
from math import ceil
from sys import intern

import msgspec

from lens.model.gpu.sharing import NO_MIG, MigGpus, SharedUnit, mig_gpus, share
from lens.model.k8s.bounds import LONGEST_RESOURCE, LONGEST_WORD, MAX_RESOURCES, MAX_TAINTS, short
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.node_selection import ALL_NODES, NodeSelection
from lens.model.k8s.objects import NodeManifest
from lens.model.k8s.quantity import Quantity
from lens.model.k8s.taints import REPELLING_EFFECTS, Taint
from lens.model.k8s.vendors import labelled_products


class NodeResource(msgspec.Struct, frozen=True, gc=False):
    """A node's capacity and allocatable units of one GPU resource.

    ``share`` is the part of a GPU that a unit is; None for a whole GPU.
    """

    resource: str
    capacity: int
    allocatable: int
    share: SharedUnit | None = None


class Node(msgspec.Struct, frozen=True, gc=False):
    """A node. ``offers`` has the GPU resources that it names, even with a capacity of 0.

    ``products`` are what its labels call its GPUs, by the domain of their resources, and ``mig`` is what they
    tell of the GPUs that MIG has cut up. ``ready`` is its Ready condition: True,
    False, or None without one. Two nodes are equal if no figure and no list shows a difference; heartbeats
    don't count. Of a node that isn't ``counted``, since others count it, only the name is known.
    """

    name: str
    offers: tuple[NodeResource, ...]
    unschedulable: bool
    taints: tuple[Taint, ...]
    ready: bool | None
    products: tuple[tuple[str, str], ...] = ()
    mig: MigGpus = NO_MIG
    counted: bool = True

    @property
    def product(self) -> str | None:
        """Return the first of its products; None without a label."""
        return self.products[0][1] if self.products else None


def _whole(field: str, quantities: dict[str, Quantity] | None, gpus: GpuResources) -> dict[str, int]:
    # The scheduler rounds a node's fractions up too (framework.Resource, Quantity.Value).
    try:
        return {name: ceil(units) for name, units in gpus.units(quantities).items()}
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def read_node(manifest: NodeManifest, gpus: GpuResources, selection: NodeSelection = ALL_NODES) -> Node:
    """Return a node. It may have GPUs without naming a GPU resource: those of ResourceSlices.

    Raise a ValueError that names the field if a GPU quantity is invalid.
    """
    status = manifest.status
    if not selection.has(manifest.metadata.labels):
        return Node(intern(manifest.metadata.name), (), False, (), None, counted=False)
    capacity = _whole("status.capacity", status.capacity, gpus)
    allocatable = _whole("status.allocatable", status.allocatable, gpus)
    names = sorted(capacity.keys() | allocatable.keys())
    if len(names) > MAX_RESOURCES:
        raise ValueError(f"{len(names)} GPU resources are more than any node has")
    labels = manifest.metadata.labels or {}
    offered = {name: capacity.get(name, 0) for name in names}
    shares = {name: share(name, offered, labels) for name in names}
    return Node(
        name=intern(manifest.metadata.name),
        offers=tuple(
            NodeResource(intern(name), offered[name], allocatable.get(name, 0), shares[name])
            for name in names
        ),
        unschedulable=bool(manifest.spec.unschedulable),
        taints=_taints(manifest.spec.taints or ()),
        ready=next((c.status == "True" for c in status.conditions or () if c.type == "Ready"), None),
        products=tuple(
            (domain, intern(short(product))) for domain, product in labelled_products(labels).items()
        ),
        mig=mig_gpus(shares, offered, labels),
    )


def _taints(taints: Sequence[Taint]) -> tuple[Taint, ...]:
    """Return the taints; of too many, first those that repel pods."""
    if len(taints) > MAX_TAINTS:
        taints = sorted(taints, key=lambda taint: taint.effect not in REPELLING_EFFECTS)
    return tuple(
        Taint(short(each.key, LONGEST_RESOURCE), each.value and short(each.value), short(each.effect))
        if max(len(each.key), len(each.value or ""), len(each.effect)) > LONGEST_WORD
        else each
        for each in taints[:MAX_TAINTS]
    )
