"""What Lens takes as a cluster grows, on an apiserver that computes its objects: `make size`."""

from tests.bench.figures import Figures
from tests.bench.size.measure import Size, measured

NODES = (1_000, 10_000, 100_000)
MILLION = Size(100_000, 1_000_000, 100_000)


def of(nodes: int) -> Size:
    """Return a cluster with a pod with GPUs, and one without, for each node."""
    return Size(nodes, 2 * nodes, nodes)


def measure(figures: Figures, sizes: tuple[int, ...] = NODES) -> None:
    """Add the figures of each size, each with its ratio to that of the first one."""
    first: dict[str, float] = {}
    for nodes in sizes:
        for name, (value, unit) in measured(of(nodes)):
            figures.add(f"size_{name}_{nodes}", value, unit, first.get(name) if nodes != sizes[0] else None)
            if nodes == sizes[0]:
                first[name] = value


def measure_million(figures: Figures) -> None:
    """Add the figures of a million pods on 100,000 nodes."""
    for name, (value, unit) in measured(MILLION):
        figures.add(f"size_{name}_1m_pods", value, unit)
        if name == "rss_mib":
            figures.add("rss_mb_1m_pods", value * 2**20 / 1e6, "MB")
