"""GPUs by product: of a node, and summed over the cluster.

What a node's labels call its GPUs comes first: all nodes have the same spelling, with and without an agent.
Where the label is missing, or where an agent or exporter finds several products on the node, it is what that
reports. Of GPUs that DRA hands out it is what their driver says of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from lens.model.gpu.device_ids import shared_gpu
from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.dra.gpus import SLICE_GONE
from lens.model.inventory.dra.tally import Tally
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.k8s.bounds import MAX_PRODUCTS, short
from lens.model.k8s.vendors import domain_of_driver, reported_product

UNKNOWN_PRODUCT = "UNKNOWN_PRODUCT"
"""Neither a label nor an agent or exporter names the product."""

UNKNOWN_DEVICES = "UNKNOWN_DEVICES"
"""The node has several products, and it is unknown which of its GPUs are in which state."""

OTHER_PRODUCTS = "OTHER_PRODUCTS"
"""The sum of the products beyond those that are shown."""

SEVERAL_PRODUCTS = "SEVERAL_PRODUCTS"
"""The largest block is of GPUs of several products."""

NONE_AVAILABLE = "NONE_AVAILABLE"
"""There is no available GPU."""


class ProductCount(msgspec.Struct, frozen=True, gc=False):
    """The GPUs of one product, on one node or on many. ``reason`` says why ``product`` is None.

    ``largest_block`` is the most of them that are available on one node, as one resource.
    """

    product: str | None
    reason: str | None
    states: GpuStates
    largest_block: int


class ReportedProducts(msgspec.Struct, frozen=True):
    """The products that a node's agent or exporter reports.

    ``numbers`` has the GPUs of each, None for GPUs without a product. ``gpus`` has the product of each GPU by
    uuid if there are several. ``domain`` is that of their resources.
    """

    domain: str = ""
    numbers: tuple[tuple[str | None, int], ...] = ()
    gpus: Mapping[str, str] = {}


NO_PRODUCTS = ReportedProducts()
"""Nothing is reported."""


class CountedGpus(msgspec.Struct, frozen=True, gc=False):
    """A node's GPUs of one vendor, whose resources have that ``domain``.

    ``largest_block`` is the most that are available in one way. ``claimable`` are those that DRA hands out;
    with ``both_ways`` a device plugin offers GPUs too, perhaps the same.
    """

    domain: str
    states: GpuStates = GpuStates()
    largest_block: int = 0
    claimable: Tally = ()
    both_ways: bool = False


def reported_products(telemetry: NodeTelemetry) -> ReportedProducts:
    """Return the products that a node's telemetry reports."""
    domain = "amd.com" if telemetry.source == "amd" else "nvidia.com"
    names = [(gpu.product and short(reported_product(domain, gpu.product))) or None for gpu in telemetry.gpus]
    products = sorted({name for name in names if name is not None})
    if len(products) < 2:
        # A GPU whose name can't be read is assumed to be of the same product as the others.
        return ReportedProducts(domain, ((products[0], len(names)),)) if products else NO_PRODUCTS
    return ReportedProducts(
        domain,
        tuple((product, names.count(product)) for product in (*products, None) if product in names),
        {
            gpu.uuid: name
            for gpu, name in zip(telemetry.gpus, names, strict=True)
            if gpu.uuid is not None and name is not None
        },
    )


def product_counts(
    counted: Iterable[CountedGpus],
    labelled: Iterable[tuple[str, str]],
    reported: ReportedProducts,
    placed: Mapping[str, Iterable[str]],
    pods: Iterable[Pod],
) -> tuple[ProductCount, ...]:
    """Return a node's GPUs by product; their states add up to those of ``counted``.

    ``labelled`` are the products of the labels by domain, ``placed`` the GPUs that telemetry names by the
    paths of their pods.
    """
    labels = dict(labelled)
    found: list[ProductCount] = []
    for gpus in counted:
        if not gpus.states.total:
            continue
        numbers = reported.numbers if reported.domain == gpus.domain else ()
        default = labels.get(gpus.domain) or (numbers[0][0] if len(numbers) == 1 else None)
        if gpus.claimable:
            found += _of_claimable(gpus, default, several=len(numbers) > 1)
        elif len(numbers) > 1:
            found += _of_several(gpus, reported, _held(reported.gpus, placed, pods))
        else:
            reason = None if default else UNKNOWN_PRODUCT
            found.append(ProductCount(default, reason, gpus.states, gpus.largest_block))
    return tuple(merged(found))


def claimable_counts(tally: Tally, default: str | None = None) -> tuple[ProductCount, ...]:
    """Return the GPUs of DRA by product, which is ``default`` where the driver names none.

    Their blocks are of one driver. GPUs in no state aren't counted.
    """
    found: dict[tuple[str, str | None, str | None], GpuStates] = {}
    for (driver, called, gone, state), number in tally:
        if state == "unknown":
            continue
        name = called and short(reported_product(domain_of_driver(driver), called))
        product = name or (None if gone else default)
        reason = None if product else (SLICE_GONE if gone else UNKNOWN_PRODUCT)
        key = driver, product or None, reason
        found[key] = found.get(key, GpuStates()) + GpuStates(**{state: number})
    return tuple(
        ProductCount(product, reason, states, states.available)
        for (_, product, reason), states in found.items()
    )


def _of_claimable(gpus: CountedGpus, default: str | None, *, several: bool) -> Iterable[ProductCount]:
    """Return a vendor's GPUs, some or all of which DRA offers."""
    counts = claimable_counts(gpus.claimable, default)
    if not gpus.both_ways:
        return counts
    # It is unknown which of the device plugin's GPUs these are. With one product that doesn't matter.
    products = {each.product for each in counts} | ({default} if default else set())
    product = products.pop() if len(products) == 1 and not several else None
    block = min(gpus.largest_block, gpus.states.available)
    return [ProductCount(product, None if product else UNKNOWN_DEVICES, gpus.states, block)]


def _held(
    products: Mapping[str, str], placed: Mapping[str, Iterable[str]], pods: Iterable[Pod]
) -> Counter[str]:
    """Return how many GPUs of each product are known to be held."""
    held: set[str] = set()
    for pod in pods:
        held.update(placed.get(pod.path, ()))
        held.update(filter(None, (shared_gpu(device.id) for device in pod.devices)))
    return Counter(products[gpu] for gpu in held if gpu in products)


def _of_several(
    gpus: CountedGpus, reported: ReportedProducts, held: Mapping[str, int]
) -> Iterator[ProductCount]:
    """Yield the GPUs of a node with several products, as far as the states of each product are known."""
    whole = ProductCount(None, UNKNOWN_DEVICES, gpus.states, gpus.largest_block)
    states, numbers = whole.states, dict(reported.numbers)
    if sum(numbers.values()) != states.total:
        yield whole
        return
    allocated = {name: held.get(name, 0) if name is not None else 0 for name in numbers}
    if states.allocated == states.total:
        allocated = numbers
    elif sum(allocated.values()) != states.allocated:
        yield whole
        return
    free = states.total - states.allocated
    # If all free GPUs are in one state, so are each product's free ones.
    alike = max(states.unhealthy, states.unavailable, states.available) == free
    for name, number in numbers.items():
        left = number - allocated[name] if alike else 0
        available = left if states.available else 0
        yield ProductCount(
            name,
            UNKNOWN_PRODUCT if name is None else None,
            GpuStates(
                allocated=allocated[name],
                unhealthy=left if states.unhealthy else 0,
                unavailable=left if states.unavailable else 0,
                available=available,
            ),
            min(available, whole.largest_block),
        )
    if not alike:
        rest = GpuStates(0, states.unhealthy, states.unavailable, states.available)
        yield ProductCount(None, UNKNOWN_DEVICES, rest, whole.largest_block)


_Key = tuple[str | None, str | None]


def merged(counts: Iterable[ProductCount]) -> Iterator[ProductCount]:
    """Yield one count of each product that has a GPU."""
    found: dict[_Key, ProductCount] = {}
    for each in counts:
        before = found.get(key := (each.product, each.reason))
        if before is not None:
            largest = max(before.largest_block, each.largest_block)
            found[key] = ProductCount(*key, before.states + each.states, largest)
        else:
            found[key] = each
    return (each for each in found.values() if each.states.total)


def shown(counts: Iterable[ProductCount]) -> tuple[ProductCount, ...]:
    """Return the sums by product: products with the most GPUs first, then GPUs without a product.

    Of too many products the others are one sum.
    """
    found = sorted(merged(counts), key=lambda each: (each.product is None, -each.states.total, each.product))
    named = [each for each in found if each.product is not None]
    others = (
        ProductCount(None, OTHER_PRODUCTS, each.states, each.largest_block) for each in named[MAX_PRODUCTS:]
    )
    unnamed = sorted(merged((*found[len(named) :], *others)), key=lambda each: each.reason or "")
    return (*named[:MAX_PRODUCTS], *unnamed)


class ProductTotals:
    """The GPUs of all nodes by product, updated node by node."""

    def __init__(self) -> None:
        """Start without GPUs."""
        self._states: dict[_Key, GpuStates] = {}
        self._blocks: defaultdict[_Key, Counter[int]] = defaultdict(Counter)

    def add(self, counts: Iterable[ProductCount]) -> None:
        """Add a node's GPUs."""
        for each in counts:
            key = each.product, each.reason
            self._states[key] = self._states.get(key, GpuStates()) + each.states
            self._blocks[key][each.largest_block] += 1

    def remove(self, counts: Iterable[ProductCount]) -> None:
        """Remove a node's GPUs, which were added before."""
        for each in counts:
            key = each.product, each.reason
            blocks = self._blocks[key]
            self._states[key] -= each.states
            blocks[each.largest_block] -= 1
            if not blocks[each.largest_block]:
                del blocks[each.largest_block]
            if not blocks:
                del self._blocks[key], self._states[key]

    def shown(self) -> tuple[ProductCount, ...]:
        """Return the cluster's GPUs by product, as ``shown`` does."""
        return shown(
            ProductCount(*key, states, max(self._blocks[key])) for key, states in self._states.items()
        )

    def of_block(self, size: int) -> tuple[str | None, str | None]:
        """Return the product with a largest block of that size, of several the first by name.

        Without one it is None, with the reason.
        """
        if not size:
            return None, NONE_AVAILABLE
        found = [key for key, blocks in self._blocks.items() if max(blocks) == size]
        named = [product for product, _ in found if product is not None]
        if named:
            return min(named), None
        return None, min((reason for _, reason in found if reason), default=SEVERAL_PRODUCTS)
