"""GPU vendors: one entry each, with all that Lens knows of a vendor's resources, taints and labels.

Resource patterns, tolerated taints and product labels are derived from VENDORS, and so are the defaults of
their settings. A new vendor is one more entry. CLOUDS has the taints that clouds put on GPU pools beside
those of the vendors.
"""

import re
from collections.abc import Mapping

import msgspec


class ReplicasAndMig(msgspec.Struct, frozen=True):
    """NVIDIA's sharing: units that are replicas of GPUs or of MIG devices, by node labels.

    ``gpu`` is the resource of whole GPUs. ``partition_prefix`` begins the resources of partitions (MIG
    devices); their profile follows it. A shared resource may have ``shared_suffix`` added to its name. The
    label ``<resource>.replicas`` is the number of units that a device is offered as, ``<resource>.count``
    the number of devices, ``<resource>.product`` what they are, and ``memory_label`` a GPU's memory in MiB.
    ``strategy_label`` has the partitions' strategy. ``clients_label``, ``partition_label`` and
    ``accelerator_label`` are a cloud's: the units of each GPU, its partitions' profile, and the product.
    """

    gpu: str
    partition_prefix: str
    shared_suffix: str
    strategy_label: str
    memory_label: str
    clients_label: str
    partition_label: str
    accelerator_label: str


class ModeProduct(msgspec.Struct, frozen=True):
    """A product that can be partitioned: a pattern for its name, its dies, and its compute units."""

    name: str
    dies: int
    compute_units: int


class PartitionModes(msgspec.Struct, frozen=True):
    """AMD's sharing: the mode of a GPU determines the number of its partitions.

    ``gpu`` is the resource of GPUs, or under the naming strategy ``single`` of their partitions; under
    ``mixed`` a resource begins with ``prefix`` and the mode. ``modes`` are the partitions of a GPU by mode,
    0 for one of each die, of which a GPU has ``dies`` unless its product has other ones. ``mode_labels`` have
    the mode of all GPUs, ``supported_label`` is "false" where there is none, ``compute_units_label`` has
    the compute units of a partition. No node has more than ``most_gpus`` that can be partitioned.
    """

    gpu: str
    prefix: str
    modes: dict[str, int]
    dies: int
    mode_labels: tuple[str, ...]
    supported_label: str
    compute_units_label: str
    product_label: str
    partitionable: str
    products: tuple[ModeProduct, ...]
    most_gpus: int


class CountedGpus(msgspec.Struct, frozen=True):
    """Intel's sharing: labels have the number of GPUs, and none has the number of units of each.

    ``count_labels`` are patterns, the best first, of labels whose numbers add up to the node's GPUs;
    the values of ``list_labels`` name them, with dots between.
    """

    count_labels: tuple[str, ...]
    list_labels: tuple[str, ...]


Sharing = ReplicasAndMig | PartitionModes | CountedGpus


class Vendor(msgspec.Struct, frozen=True):
    """A vendor of GPUs.

    ``resources`` are its extended resources: ``*`` matches anything, a leading ``!`` excludes names.
    ``taint`` is the key that its GPU pools are tainted with and that GPU pods tolerate; it may have a ``*``.
    ``product_label`` is where its feature discovery writes what the GPUs are, None where it doesn't;
    ``word_separator`` replaces the spaces of the driver's name there.
    ``drivers`` are its drivers of dynamic resource allocation (DRA) whose devices are GPUs or parts of GPUs.
    ``sharing`` says how a unit may be a part of a GPU; it is None where a unit is always a whole GPU.
    """

    name: str
    resources: tuple[str, ...]
    taint: str
    product_label: str | None
    sharing: Sharing | None = None
    drivers: tuple[str, ...] = ()
    word_separator: str = "-"

    @property
    def domain(self) -> str:
        """Return the domain of its resources."""
        return self.resources[0].partition("/")[0]


VENDORS = (
    Vendor(
        "NVIDIA",
        resources=("nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-*"),
        taint="nvidia.com/gpu",
        product_label="nvidia.com/gpu.product",
        # k8s-device-plugin, docs/gpu-feature-discovery and internal/lm; GKE, "About GPU sharing strategies".
        sharing=ReplicasAndMig(
            gpu="nvidia.com/gpu",
            partition_prefix="nvidia.com/mig-",
            shared_suffix=".shared",
            strategy_label="nvidia.com/mig.strategy",
            memory_label="nvidia.com/gpu.memory",
            clients_label="cloud.google.com/gke-max-shared-clients-per-gpu",
            partition_label="cloud.google.com/gke-gpu-partition-size",
            accelerator_label="cloud.google.com/gke-accelerator",
        ),
        # The devices of compute-domain.nvidia.com are channels, not GPUs.
        drivers=("gpu.nvidia.com",),
    ),
    Vendor(
        "AMD",
        # ROCm/k8s-device-plugin, docs/user-guide/configuration.md, "Resource Naming Strategy".
        resources=(
            "amd.com/gpu",
            "amd.com/spx_*",
            "amd.com/dpx_*",
            "amd.com/tpx_*",
            "amd.com/qpx_*",
            "amd.com/cpx_*",
        ),
        taint="amd.com/gpu",
        product_label="amd.com/gpu.product-name",
        word_separator="_",
        # Its node labeller, cmd/k8s-node-labeller/main.go, and ROCm's "Compute and memory partition modes".
        sharing=PartitionModes(
            gpu="amd.com/gpu",
            prefix="amd.com/",
            modes={"spx": 1, "dpx": 2, "tpx": 3, "qpx": 4, "cpx": 0},
            dies=8,
            mode_labels=("amd.com/compute-memory-partition", "amd.com/gpu.compute-memory-partition"),
            supported_label="amd.com/compute-partitioning-supported",
            compute_units_label="amd.com/gpu.cu-count",
            product_label="amd.com/gpu.product-name",
            partitionable=r"MI[3-9]\d\d",
            products=(
                ModeProduct("MI300A", dies=6, compute_units=228),
                ModeProduct("MI308X", dies=4, compute_units=80),
                ModeProduct("MI300X|MI325X", dies=8, compute_units=304),
                ModeProduct("MI350X|MI355X", dies=8, compute_units=256),
            ),
            most_gpus=8,
        ),
        drivers=("gpu.amd.com",),
    ),
    Vendor(
        "Intel",
        resources=(
            "gpu.intel.com/*",
            "!gpu.intel.com/*_monitoring",
            # Shares of a GPU that the node's i915 resource counts already.
            "!gpu.intel.com/millicores",
            "!gpu.intel.com/memory.max",
            "!gpu.intel.com/tiles",
        ),
        taint="gpu.intel.com/*",
        product_label="gpu.intel.com/product",
        # intel-device-plugins-for-kubernetes, cmd/gpu_plugin/labels.md; -shared-dev-num is in no label.
        sharing=CountedGpus(
            count_labels=("gpu.intel.com/device-id.*.count", "gpu.intel.com/device.count"),
            list_labels=("gpu.intel.com/gpu-numbers", "gpu.intel.com/cards"),
        ),
        drivers=("gpu.intel.com",),
    ),
    Vendor(
        "Intel Gaudi",
        resources=("habana.ai/gaudi",),
        taint="habana.ai/gaudi",
        product_label=None,
        drivers=("gaudi.intel.com",),
    ),
)
"""All vendors whose GPUs count by default."""


class Cloud(msgspec.Struct, frozen=True):
    """A cloud, and the taints of GPU pools in its documentation, as settings write them.

    Where its apiservers run the admission plugin ExtendedResourceToleration, ``tolerating`` are labels by
    which its nodes are known.
    """

    name: str
    taints: tuple[str, ...] = ()
    tolerating: tuple[str, ...] = ()


CLOUDS = (
    # cloud.google.com/kubernetes-engine/docs/how-to/gpus
    Cloud("Google GKE", tolerating=("cloud.google.com/gke-nodepool",)),
    # learn.microsoft.com/azure/aks/use-nvidia-gpu
    Cloud("Azure AKS", taints=("sku=gpu:NoSchedule",)),
    # docs.aws.amazon.com/eks/latest/userguide/node-taints-managed-node-groups and platform-versions
    Cloud(
        "Amazon EKS",
        taints=("dedicated=gpuGroup:NoSchedule",),
        tolerating=(
            "eks.amazonaws.com/nodegroup",
            "eks.amazonaws.com/compute-type",
            "alpha.eksctl.io/nodegroup-name",
            "karpenter.k8s.aws/instance-family",
        ),
    ),
    # coreweave/reference-architecture, storage/warp-benchmark
    Cloud("CoreWeave", taints=("is_gpu",)),
)
"""Clouds that taint GPU pools with keys of their own, or add tolerations; others use the vendors' taints."""

TOLERATING_LABELS = tuple(label for cloud in CLOUDS for label in cloud.tolerating)
"""Labels of nodes of clusters that add tolerations for the extended resources that a pod requests."""

GPU_RESOURCES = tuple(pattern for vendor in VENDORS for pattern in vendor.resources)
"""The default of LENS_GPU_RESOURCES."""

GPU_DRIVERS = tuple(driver for vendor in VENDORS for driver in vendor.drivers)
"""The default of LENS_GPU_DRIVERS."""

TOLERATED_TAINTS = (
    *(vendor.taint for vendor in VENDORS),
    *(taint for cloud in CLOUDS for taint in cloud.taints),
)
"""The default of LENS_TOLERATED_TAINTS."""

_BY_DOMAIN = {vendor.domain: vendor for vendor in VENDORS}

# What feature discovery leaves out of a label's value (gpu-feature-discovery, internal/lm).
_NO_LABEL = re.compile(r"[^A-Za-z0-9_.\- ]")

_DOMAINS = {driver: vendor.domain for vendor in VENDORS for driver in vendor.drivers}

PRODUCT_LABELS = {vendor.product_label: vendor.domain for vendor in VENDORS if vendor.product_label}
"""The labels of nodes that name the product of their GPUs, with the domain of these GPUs' resources."""

_SHARING = {vendor.domain: vendor.sharing for vendor in VENDORS if vendor.sharing is not None}


def domain_of(resource: str) -> str:
    """Return the domain of a resource, which is its vendor's."""
    return resource.partition("/")[0]


def domain_of_driver(driver: str) -> str:
    """Return the domain of the resources of a DRA driver's vendor; the driver's own name for no vendor's."""
    return _DOMAINS.get(driver, driver)


def sharing_of(resource: str) -> Sharing | None:
    """Return how a resource's vendor shares GPUs; None where it doesn't."""
    return _SHARING.get(domain_of(resource))


def labelled_products(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the products that a node's labels have, by the domain of their resources."""
    found: dict[str, str] = {}
    for label, domain in PRODUCT_LABELS.items():
        if product := product_named(label, labels.get(label, "")):
            found[domain] = product
    return found


def product_named(label: str, value: str) -> str:
    """Return the product that a product label's value names.

    NVIDIA's feature discovery adds the MIG profile and ``-SHARED`` to the product of shared GPUs; the GPUs
    are still of that product.
    """
    if not isinstance(_SHARING.get(PRODUCT_LABELS[label]), ReplicasAndMig):
        return value
    product = value.removesuffix("-SHARED")
    return product.rpartition("-MIG-")[0] or product


def reported_product(domain: str, name: str) -> str:
    """Return a driver's name of a product as the vendor's feature discovery writes it into the label."""
    vendor = _BY_DOMAIN.get(domain)
    words = _NO_LABEL.sub("", name).split()
    return (vendor.word_separator if vendor else "-").join(words)
