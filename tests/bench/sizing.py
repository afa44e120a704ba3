"""What `lens serve` takes in clusters of different sizes, for the sizing table of docs/install.md.

The clusters are simulated, in a process of their own: nodes of 8 GPUs whose jobs come and go, the more often
the larger they are. In the largest nothing happens, since its simulation would need the machine for itself.
`python -m tests.bench.sizing` runs it alone.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figures
from tests.bench.process import Process, answers
from tests.bench.watch.watching import SERVE, environment
from tests.e2e.cluster import ports
from tests.kubeconfig import write_kubeconfig

LIVING = (100, 1_000)
STILL = 5_000
SETTLE_S = 10.0
SECONDS = 60.0
TOKEN = "sizing"


def measure(figures: Figures) -> None:
    """Add memory, CPU and time to ready for each size. Needs no cluster."""
    for nodes in LIVING:
        _measure(figures, nodes)
    _measure(figures, STILL, "--still")


def _measure(figures: Figures, nodes: int, *flags: str) -> None:
    living = [sys.executable, "-m", "tests.bench.living", "--nodes", str(nodes), "--token", TOKEN, *flags]
    (port,) = ports.free(1)
    with Process(living) as cluster, tempfile.TemporaryDirectory() as folder:
        fleet = cluster.ready(deadline_s=300).line
        kubeconfig = write_kubeconfig(Path(folder) / "kubeconfig", fleet["url"], {"token": TOKEN})
        with Process(SERVE, environment(kubeconfig, port)) as lens:
            ready = lens.until(answers(f"http://127.0.0.1:{port}/readyz"))
            time.sleep(SETTLE_S)
            before = lens.usage()
            time.sleep(SECONDS)
            after = lens.usage()
    figures.add(f"size_{nodes}_pods", fleet["pods"], "pods")
    figures.add(f"size_{nodes}_ready_s", ready, "s")
    figures.add(f"size_{nodes}_rss_mib", after.rss_mib, "MiB")
    figures.add(f"size_{nodes}_peak_rss_mib", after.peak_rss_mib, "MiB")
    figures.add(f"size_{nodes}_cores", (after.cpu_s - before.cpu_s) / SECONDS, "cores")


if __name__ == "__main__":
    measure(Figures())
