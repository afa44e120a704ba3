"""Lens against client-go's informers on one computed cluster, in turns: time to ready, and memory.

The apiserver here speaks JSON alone. A real one sends client-go protobuf, which it decodes several times as
fast: `ready_vs_client_go` of `make bench` compares with that. The memory is the same either way.
"""

import time

from tests.bench.figures import Figures
from tests.bench.size.measure import SETTLE_S, Size, cluster, lens
from tests.bench.watch import startup

LARGE = Size(5_000, 150_000, 20_000)
ROUNDS = 2


def measure(figures: Figures, size: Size = LARGE) -> None:
    """Add the ratios of the best of each."""
    ready: dict[str, list[float]] = {"lens": [], "client-go": []}
    settled: dict[str, list[float]] = {"lens": [], "client-go": []}
    for _ in range(ROUNDS):
        with cluster(size) as source:
            with lens(source) as subject:
                ready["lens"].append(subject.ready())
                time.sleep(SETTLE_S)
                settled["lens"].append(subject.process.usage().rss_mib)
            peer = startup.client_go(source.kubeconfig, SETTLE_S, "application/json")
            ready["client-go"].append(peer["ready_s"])
            settled["client-go"].append(peer["settled_rss_mib"])
    figures.add("size_ready_vs_client_go", min(ready["lens"]), "s", min(ready["client-go"]))
    figures.add("size_rss_vs_client_go", min(settled["lens"]), "MiB", min(settled["client-go"]))
