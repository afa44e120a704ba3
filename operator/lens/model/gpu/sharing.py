"""The part of a physical GPU that a unit of a resource is, and the fewest GPUs that can hold some units.

By time-slicing and MPS NVIDIA's device plugin offers each GPU, or each MIG device, several times over. Under
MIG a GPU is cut into devices, which the strategy ``mixed`` offers as a resource for each profile, and
``single`` as ``nvidia.com/gpu``. GPU feature discovery says so in labels (k8s-device-plugin,
docs/gpu-feature-discovery and internal/lm): ``<resource>.replicas``, by the resource's own name where
sharing has renamed it to ``….shared``; ``<resource>.count``, the GPUs or MIG devices that are offered so,
under ``mixed`` all GPUs of the node; and, under ``single``, the profile at the end of
``nvidia.com/gpu.product``.

GKE's own plugin offers everything as ``nvidia.com/gpu``, and its nodes' labels have what was asked of the
node pool (GKE documentation, "About GPU sharing strategies", "Run multi-instance GPUs"): how many may share
a GPU, or a partition of one, and the partition's profile.

AMD's GPUs are in a mode, which is in the resource's name or in a label, or follows from the compute units
that a label has of each partition. Intel's plugin offers each GPU several times (``-shared-dev-num``), and
only the number of GPUs is in labels. ``vendors`` has the names of all of them.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import msgspec

from lens.model.gpu.mig import ANY_PRODUCT, MigProduct, MigProfile, fewest_gpus, products
from lens.model.k8s.vendors import (
    CountedGpus,
    PartitionModes,
    ReplicasAndMig,
    domain_of,
    sharing_of,
)

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class SharedUnit(msgspec.Struct, frozen=True, gc=False):
    """What a unit is: one of ``replicas`` of a MIG device of this profile, or of a GPU.

    Where it isn't ``known`` how many units a GPU has, ``replicas`` is the most plausible number.
    """

    replicas: int
    profile: MigProfile | None = None
    known: bool = True


WHOLE_GPU = SharedUnit(1)

Units = Iterable[tuple[SharedUnit, int]]
"""Numbers of units, each with what it is."""


class MigGpus(msgspec.Struct, frozen=True, gc=False):
    """The products and the number of the GPUs that MIG has partitioned, by a node's labels."""

    products: tuple[MigProduct, ...] = ANY_PRODUCT
    number: int | None = None


NO_MIG = MigGpus()


def share(
    resource: str, capacity: Mapping[str, int] | None = None, labels: Mapping[str, str] | None = None
) -> SharedUnit | None:
    """Return what a unit of a resource is, by a node's capacity and labels; None for a whole GPU.

    Labels that are impossible, or that contradict the capacity, are ignored. ``capacity`` has the node's GPU
    resources.
    """
    sharing, capacity, labels = sharing_of(resource), capacity or {}, labels or {}
    match sharing:
        case ReplicasAndMig():
            profile = _profile(sharing, resource, labels)
            replicas = _replicas(sharing, resource, capacity, labels)
            return None if profile is None and replicas == 1 else SharedUnit(replicas, profile)
        case PartitionModes():
            return _partition(sharing, resource, capacity.get(resource, 0), labels)
        case CountedGpus():
            return _part_of_counted(sharing, resource, capacity, labels)
        case None:
            return None


def mig_gpus(
    shares: Mapping[str, SharedUnit | None], capacity: Mapping[str, int], labels: Mapping[str, str]
) -> MigGpus:
    """Return a node's partitioned GPUs by its labels, given what the units of its resources are."""
    profiles = [unit.profile for unit in shares.values() if unit is not None and unit.profile is not None]
    if not profiles:
        return NO_MIG
    sharing = next(each for each in map(sharing_of, shares) if isinstance(each, ReplicasAndMig))
    is_single = labels.get(sharing.strategy_label) == "single"
    partitions = [resource for resource in shares if resource.startswith(sharing.partition_prefix)]
    named = [
        labels[label]
        for label in (*(f"{each}.product" for each in (sharing.gpu, *partitions)), sharing.accelerator_label)
        if label in labels
    ]
    number = None
    if partitions and not is_single and (gpus := _number(labels.get(f"{sharing.gpu}.count"))) is not None:
        # The GPUs that aren't partitioned are among these.
        whole = {
            resource: shares[resource] or WHOLE_GPU
            for resource in (sharing.gpu, sharing.gpu + sharing.shared_suffix)
            if resource in shares
        }
        number = gpus - devices([(unit, capacity.get(resource, 0)) for resource, unit in whole.items()])
    # Under "single" the label has a MIG device's memory.
    memory = None if is_single else _number(labels.get(sharing.memory_label))
    return MigGpus(products(named, memory, profiles), number)


def group(resource: str) -> str:
    """Return the name that all resources have in common whose units may be on the same GPU."""
    sharing = sharing_of(resource)
    if isinstance(sharing, ReplicasAndMig) and resource.startswith(sharing.partition_prefix):
        return sharing.partition_prefix
    return resource


def devices(units: Units) -> int:
    """Return the fewest devices that can hold the units, which is also the most GPUs that they can be on."""
    return sum(-(-number // each.replicas) if each.known else number for each, number in units)


def least(units: Units, of: Iterable[MigProduct] = ANY_PRODUCT) -> int:
    """Return the fewest GPUs that can hold the units; those with MIG are of one of these products."""
    whole = 0
    mig: list[tuple[MigProfile, int]] = []
    for each, number in units:
        on_devices = -(-number // each.replicas)
        if each.profile is None:
            whole += on_devices
        else:
            mig.append((each.profile, on_devices))
    return whole + (fewest_gpus(mig, of) if mig else 0)


def measured(resource: str, units: int, gpus: int, partitions: int) -> SharedUnit | None:
    """Return what a unit is, by the reported numbers of GPUs and partitions; None if these can't be right.

    An exporter may leave out partitions, and GPUs. So it is only known what a unit is if as many
    partitions were seen as there are units, or if there can't be fewer GPUs. Without serial numbers it
    takes partitions for GPUs, which then are more than a node has: 16 dies of eight MI250X.
    """
    sharing = sharing_of(resource)
    if not isinstance(sharing, PartitionModes) or not gpus or units % gpus or gpus > 2 * sharing.most_gpus:
        return None
    replicas = units // gpus
    if replicas not in _possible(sharing):
        return None
    return SharedUnit(replicas, known=partitions == units or gpus * max(_possible(sharing)) == units)


def _profile(sharing: ReplicasAndMig, resource: str, labels: Mapping[str, str]) -> MigProfile | None:
    if resource.startswith(sharing.partition_prefix):
        return MigProfile.parse(resource.removeprefix(sharing.partition_prefix))
    if resource.removesuffix(sharing.shared_suffix) != sharing.gpu:
        return None
    if sharing.partition_label in labels:
        return MigProfile.parse(labels[sharing.partition_label])
    if labels.get(sharing.strategy_label) != "single":
        return None
    # Under "single" a node without MIG devices has the labels of a plain one, so the profile decides.
    _, found, profile = labels.get(f"{sharing.gpu}.product", "").rpartition("-MIG-")
    return MigProfile.parse(profile) if found else None


def _replicas(
    sharing: ReplicasAndMig, resource: str, capacity: Mapping[str, int], labels: Mapping[str, str]
) -> int:
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


def _partition(
    sharing: PartitionModes, resource: str, offered: int, labels: Mapping[str, str]
) -> SharedUnit | None:
    """Return what a unit of AMD's is. Partitions that are missing don't make the others whole GPUs."""
    name = labels.get(sharing.product_label, "")
    product = next((each for each in sharing.products if re.search(each.name, name, re.IGNORECASE)), None)
    if resource != sharing.gpu:
        mode: str | None = resource.removeprefix(sharing.prefix)
    else:
        mode = next((labels[label] for label in sharing.mode_labels if label in labels), None)
    parts = sharing.modes.get((mode or "").partition("_")[0].lower())
    if parts == 0:
        parts = product.dies if product else sharing.dies
    if parts is None and product is not None:
        units = _number(labels.get(sharing.compute_units_label))
        if (
            units
            and product.compute_units % units == 0
            and product.compute_units // units in _possible(sharing)
        ):
            parts = product.compute_units // units
    if parts is not None:
        return None if parts == 1 else SharedUnit(parts, known=offered % parts == 0)
    if offered < 2 or labels.get(sharing.supported_label) == "false":
        return None
    if name and not re.search(sharing.partitionable, name, re.IGNORECASE):
        return None
    # There is no label. No node has more GPUs than these, so of more units each is a part of one.
    fits = (parts for parts in sorted(_possible(sharing)) if offered <= parts * sharing.most_gpus)
    return SharedUnit(next(fits, max(_possible(sharing))), known=False)


def _possible(sharing: PartitionModes) -> set[int]:
    """Return the numbers of partitions that a GPU may have."""
    return {parts for parts in sharing.modes.values() if parts} | {
        sharing.dies,
        *(product.dies for product in sharing.products),
    }


def _part_of_counted(
    sharing: CountedGpus, resource: str, capacity: Mapping[str, int], labels: Mapping[str, str]
) -> SharedUnit | None:
    """Return what a unit of Intel's is: all GPUs are offered equally often."""
    offered = capacity.get(resource, 0)
    domain = domain_of(resource)
    units = sum(number for name, number in capacity.items() if domain_of(name) == domain)
    gpus = _counted(sharing, labels)
    if gpus and units and units % gpus == 0 and offered % (units // gpus) == 0:
        return None if units == gpus else SharedUnit(units // gpus)
    return None if offered < 2 else SharedUnit(1, known=False)


def _counted(sharing: CountedGpus, labels: Mapping[str, str]) -> int:
    for label in sharing.list_labels:
        if text := labels.get(label):
            return len(text.split("."))
    for pattern in sharing.count_labels:
        numbers = [_number(value) for label, value in labels.items() if fnmatchcase(label, pattern)]
        if gpus := sum(number or 0 for number in numbers):
            return gpus
    return 0


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None
