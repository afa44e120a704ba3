"""GPU vendors: one entry each, with all that Lens knows of a vendor's resources, taints and labels.

Resource patterns, tolerated taints and product labels are derived from VENDORS, and so are the defaults of
their settings. A new vendor is one more entry.
"""

import msgspec


class Sharing(msgspec.Struct, frozen=True):
    """How a vendor's resources and node labels say that a unit is a part of a GPU.

    ``gpu`` is the resource of whole GPUs. ``partition_prefix`` begins the resources of partitions (MIG
    devices); their profile follows it. A shared resource may have ``shared_suffix`` added to its name. The
    label ``<resource>.replicas`` is the number of units that a device is offered as, and
    ``<resource>.count`` the number of devices. ``strategy_label`` has the partitions' strategy,
    ``product_label`` the product. ``clients_label`` and ``partition_label`` are a cloud's: the units of each
    GPU, and its partitions' profile.
    """

    gpu: str
    partition_prefix: str
    shared_suffix: str
    strategy_label: str
    product_label: str
    clients_label: str
    partition_label: str


class Vendor(msgspec.Struct, frozen=True):
    """A vendor of GPUs.

    ``resources`` are its extended resources: ``*`` matches anything, a leading ``!`` excludes names.
    ``taint`` is the key that its GPU pools are tainted with and that GPU pods tolerate; it may have a ``*``.
    ``product_label`` is where its feature discovery writes what the GPUs are, None where it doesn't.
    ``sharing`` is None where a unit is always a whole GPU.
    """

    name: str
    resources: tuple[str, ...]
    taint: str
    product_label: str | None
    sharing: Sharing | None = None

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
        sharing=Sharing(
            gpu="nvidia.com/gpu",
            partition_prefix="nvidia.com/mig-",
            shared_suffix=".shared",
            strategy_label="nvidia.com/mig.strategy",
            product_label="nvidia.com/gpu.product",
            clients_label="cloud.google.com/gke-max-shared-clients-per-gpu",
            partition_label="cloud.google.com/gke-gpu-partition-size",
        ),
    ),
    Vendor(
        "AMD",
        resources=("amd.com/gpu",),
        taint="amd.com/gpu",
        product_label="amd.com/gpu.product-name",
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
    ),
    Vendor(
        "Intel Gaudi",
        resources=("habana.ai/gaudi",),
        taint="habana.ai/gaudi",
        product_label=None,
    ),
)
"""All vendors whose GPUs count by default."""

GPU_RESOURCES = tuple(pattern for vendor in VENDORS for pattern in vendor.resources)
"""The default of LENS_GPU_RESOURCES."""

TOLERATED_TAINTS = tuple(vendor.taint for vendor in VENDORS)
"""The default of LENS_TOLERATED_TAINTS."""

PRODUCT_LABELS = tuple(vendor.product_label for vendor in VENDORS if vendor.product_label is not None)
"""The labels that say what a node's GPUs are."""

_SHARING = {vendor.domain: vendor.sharing for vendor in VENDORS if vendor.sharing is not None}


def sharing_of(resource: str) -> Sharing | None:
    """Return how a resource's vendor shares GPUs; None where it doesn't."""
    return _SHARING.get(resource.partition("/")[0])
