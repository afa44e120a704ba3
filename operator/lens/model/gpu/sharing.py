"""What part of a physical GPU a unit of a resource is, and how few GPUs can hold so many units.

By time-slicing and MPS NVIDIA's device plugin offers each GPU, or each MIG device, several times over. Under
MIG a GPU is cut into devices, which the strategy ``mixed`` offers as a resource for each profile, and
``single`` as ``nvidia.com/gpu``. GPU feature discovery says so in labels (k8s-device-plugin,
docs/gpu-feature-discovery and internal/lm): ``<resource>.replicas``, by the resource's own name where
sharing has renamed it to ``….shared``; ``<resource>.count``, the GPUs or MIG devices that are offered so;
and, under ``single``, the profile at the end of ``nvidia.com/gpu.product``.

GKE's own plugin offers everything as ``nvidia.com/gpu``, and its nodes' labels have what was asked of the
node pool (GKE documentation, "About GPU sharing strategies", "Run multi-instance GPUs"): how many may share
a GPU, or a partition of one, and the partition's profile.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from lens.model.k8s.vendors import Sharing, sharing_of

_COMPUTE, _MEMORY = 7, 8
_MEMORY_OF = {1: 1, 2: 2, 3: 4, 4: 4, 7: 8}
_MEMORY_BOUND = {"1g.6gb": 2, "2g.12gb": 4, "1g.20gb": 2, "1g.35gb": 2, "1g.45gb": 2}
_PROFILE = re.compile(r"(?:([1-7])c\.)?(([1-7])g\.\d{1,3}gb)([.+]?me(?![a-z]))?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class MigSlices(msgspec.Struct, frozen=True, gc=False):
    """What a device takes of its GPU: sevenths of compute, eighths of memory, the media extensions.

    They are the least that a profile of that name takes on any GPU (NVIDIA Multi-Instance GPU user guide,
    "Supported MIG profiles"): an A30 has four slices, not seven, and of 1g.20gb only four fit on any.
    """

    compute: int
    memory: int
    media: bool = False


WHOLE = MigSlices(_COMPUTE, _MEMORY)


class SharedUnit(msgspec.Struct, frozen=True, gc=False):
    """What a unit is: one of ``replicas`` of a device that has these ``slices`` of a GPU."""

    replicas: int
    slices: MigSlices


Units = Iterable[tuple[SharedUnit, int]]
"""Numbers of units, each with what it is."""


def share(
    resource: str, capacity: Mapping[str, int] | None = None, labels: Mapping[str, str] | None = None
) -> SharedUnit | None:
    """Return what a unit of a resource is, by a node's capacity and labels; None for a whole GPU.

    Labels that are impossible, or that contradict the capacity, are ignored: such a unit counts as a GPU.
    """
    sharing = sharing_of(resource)
    if sharing is None:
        return None
    capacity, labels = capacity or {}, labels or {}
    slices = _slices(sharing, resource, labels)
    replicas = _replicas(sharing, resource, capacity, labels)
    if slices is None:
        return None if replicas == 1 else SharedUnit(replicas, WHOLE)
    return SharedUnit(replicas, slices)


def group(resource: str) -> str:
    """Return the name that all resources have in common whose units may be on the same GPU."""
    sharing = sharing_of(resource)
    if sharing is not None and resource.startswith(sharing.partition_prefix):
        return sharing.partition_prefix
    return resource


def devices(units: Units) -> int:
    """Return how few devices can hold the units: also the most GPUs that so many devices can be on."""
    return sum(-(-number // each.replicas) for each, number in units)


def least(units: Units) -> int:
    """Return how few GPUs can hold the units.

    It is a lower bound: no GPU has more than its slices, but not all that add up can be placed.
    """
    compute = memory = media = 0
    for each, number in units:
        whole = -(-number // each.replicas)
        compute += whole * each.slices.compute
        memory += whole * each.slices.memory
        media += whole * each.slices.media
    return max(-(-compute // _COMPUTE), -(-memory // _MEMORY), media)


def _slices(sharing: Sharing, resource: str, labels: Mapping[str, str]) -> MigSlices | None:
    if resource.startswith(sharing.partition_prefix):
        return _profile(resource.removeprefix(sharing.partition_prefix))
    if resource.removesuffix(sharing.shared_suffix) != sharing.gpu:
        return None
    if sharing.partition_label in labels:
        return _profile(labels[sharing.partition_label])
    if labels.get(sharing.strategy_label) != "single":
        return None
    # Under "single" a node without MIG devices has the labels of a plain one, so the profile decides.
    _, found, profile = labels.get(sharing.product_label, "").rpartition("-MIG-")
    return _profile(profile) if found else None


def _profile(text: str) -> MigSlices | None:
    match = _PROFILE.match(text)
    if match is None or int(match[3]) not in _MEMORY_OF:
        return None
    compute = int(match[3])
    memory = _MEMORY_BOUND.get(match[2], _MEMORY_OF[compute])
    if match[1] is not None:
        # A compute instance, which shares its GPU instance's memory with others.
        part = min(int(match[1]), compute)
        compute, memory = part, memory * part // compute
    return MigSlices(compute, memory, media=match[4] is not None)


def _replicas(sharing: Sharing, resource: str, capacity: Mapping[str, int], labels: Mapping[str, str]) -> int:
    labelled = resource.removesuffix(sharing.shared_suffix)
    if labelled == resource and resource + sharing.shared_suffix in capacity:
        return 1  # the shared units have the other name
    of_gpus = labelled == sharing.gpu
    text = labels.get(f"{labelled}.replicas", labels.get(sharing.clients_label) if of_gpus else None)
    replicas = _number(text)
    if replicas is None or replicas < 2:
        return 1
    offered = capacity.get(resource, 0)
    if offered:  # while the device plugin is down there is no capacity to check the label against
        # Under "mixed" gpu.count includes the GPUs that are partitioned.
        counts = not of_gpus or labels.get(sharing.strategy_label) != "mixed"
        count = _number(labels.get(f"{labelled}.count")) if counts else None
        if offered % replicas or (count or 0) * replicas > offered:
            return 1
    return replicas


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None
