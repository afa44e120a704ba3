"""A large cluster's figures: what DRA adds, many pods, and how long questions about fit take.

`python -m tests.bench.large.measure` runs it alone. It needs no other programs.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.bench.asking import Asker, asking_meanwhile
from tests.bench.figures import Figures
from tests.bench.large import objects
from tests.bench.large.cluster import KINDS
from tests.bench.percentile import percentile
from tests.bench.process import Process, answers
from tests.bench.watch.watching import SERVE, environment
from tests.e2e.cluster import ports
from tests.kubeconfig import write_kubeconfig

NODES = 5_000
CLAIMS = 20_000
PODS, GPU_PODS = 150_000, 15_000
STARTS = 5
# Each request takes a millisecond of the processor from the start that is measured.
ASK_S = 0.05
SETTLE_S = 12.0
QUIET_S = 10.0
LONGEST_S = 900.0
QUESTIONS = 200
TOKEN = "large"
FIT = "/api/v1/realtime/fit?cluster=bench"
STATUS = "/api/v1/realtime/status?cluster=bench"


class _Cluster(NamedTuple):
    """A simulated cluster, in a process of its own."""

    process: Process
    url: str


class _Settled(NamedTuple):
    """A Lens that has read its cluster."""

    cluster: Process
    lens: Process
    port: int
    ready_s: float
    rss_mb: float


def measure(figures: Figures) -> None:
    """Add the figures."""
    measure_dra(figures)
    measure_pods(figures)


def measure_dra(figures: Figures) -> None:
    """Add what 40,000 devices and 20,000 claims of pods cost beside the same nodes and pods.

    A machine's speed changes from one minute to the next, so starts with and without them take turns.
    """
    size = ("--pods", str(CLAIMS), "--gpu-pods", str(CLAIMS), "--claims")
    with _cluster(*size) as plain, _cluster(*size, "--dynamic") as dynamic:
        pairs = [(_ready_s(plain), _ready_s(dynamic)) for _ in range(STARTS)]
        differences = sorted(with_dra - without_dra for without_dra, with_dra in pairs)
        figures.add("ready_s_dra", median(differences), "s")
        figures.add("ready_s_without_dra", median(without_dra for without_dra, _ in pairs), "s")
        print(f"  pairs of starts: {', '.join(f'{each:.2f}' for each in differences)} s")
    with _cluster(*size) as plain, _settled(plain) as without:
        figures.add("rss_mb_without_dra", without.rss_mb, "MB")
    with _cluster(*size, "--dynamic") as dynamic, _settled(dynamic) as lens:
        figures.add("rss_mb_dra", lens.rss_mb - without.rss_mb, "MB")
        _fit_claims(figures, lens)
        idle = _cores(lens.lens, lambda: time.sleep(QUIET_S))
        figures.add("cpu_idle_dra", 100 * idle, "%")
        # The one with a bound is that of drivers that publish their pools again. No cluster has 200 GPUs that
        # fail or recover each second, each of which is an alert and an event, too.
        for kind in KINDS:
            name = "cpu_slice_churn" if kind == "generations" else f"cpu_slice_churn_{kind}"
            figures.add(name, 100 * _cores(lens.lens, lambda: _churn(lens)), "%")


def measure_pods(figures: Figures) -> None:
    """Add the memory for many pods, and how long questions about the GPUs of a device plugin take."""
    size = ("--pods", str(PODS), "--gpu-pods", str(GPU_PODS))
    with _cluster(*size) as cluster, _settled(cluster) as lens:
        figures.add("rss_mb_150k_pods", lens.rss_mb, "MB")
        waits: list[float] = []
        with asking_meanwhile(lens.port, STATUS, waits):
            _ask(figures, "fit_one_ms", lens.port, lambda n: (f"{FIT}&gpus={1 + n % 5}&cpu={n}m", None))
            _ask(figures, "fit_one_no_ms", lens.port, lambda n: (f"{FIT}&gpus=8&cpu={n}m", None))
            _ask(figures, "fit_64_ms", lens.port, lambda n: (f"{FIT}&gpus=4&replicas=64&cpu={n}m", None))
        figures.add("fit_status_p99_ms", percentile(waits, 0.99), "ms")


def _fit_claims(figures: Figures, lens: _Settled) -> None:
    """Ask for pods with a claim of their own, whose selector nobody has used before."""
    waits: list[float] = []
    with asking_meanwhile(lens.port, STATUS, waits):

        def asked(number: int) -> tuple[str, Any]:
            memory = f"device.capacity['{objects.DRIVER}'].memory"
            return FIT, _with_claim(1 + number % 4, f"{memory}.compareTo(quantity('{number + 1}Mi')) >= 0")

        def replicas(number: int) -> tuple[str, Any]:
            return f"{FIT}&gpus=2&replicas=64&device_class={objects.CLASS}&cpu={number}m", None

        _ask(figures, "fit_claim_ms", lens.port, asked)
        _ask(figures, "fit_claim_64_ms", lens.port, replicas)
    figures.add("fit_claim_status_p99_ms", percentile(waits, 0.99), "ms")


def _with_claim(count: int, expression: str) -> Any:
    spec = {"devices": {"requests": [{"name": "gpu", "exactly": objects.request(count, expression)}]}}
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "ResourceClaimTemplate",
                "metadata": {"name": "asked"},
                "spec": {"spec": spec},
            },
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "asked"},
                "spec": {
                    "containers": [{"name": "main", "resources": {"claims": [{"name": "gpu"}]}}],
                    "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "asked"}],
                },
            },
        ],
    }


def _ask(figures: Figures, name: str, port: int, question: Callable[[int], tuple[str, Any]]) -> None:
    """Ask many questions, no two of them alike; the figure is the 99th percentile, beside it the median."""
    asker = Asker(port)
    took: list[float] = []
    fits: set[str] = set()
    for number in range(QUESTIONS):
        path, manifest = question(number)
        milliseconds, data = asker.timed(path, manifest)
        took.append(milliseconds)
        fits.add(data["fits"])
    asker.close()
    figures.add(name, percentile(took, 0.99), "ms")
    figures.add(name.replace("_ms", "_p50_ms"), sorted(took)[len(took) // 2], "ms")
    print(f"  answers: {', '.join(sorted(fits))}; the first {took[0]:.1f} ms, the longest {max(took):.1f} ms")


def _churn(lens: _Settled) -> None:
    os.kill(lens.cluster.pid, signal.SIGUSR1)
    lens.cluster.ready(deadline_s=LONGEST_S)


def _cores(process: Process, meanwhile: Callable[[], object]) -> float:
    """Return how much of a core a process takes meanwhile."""
    before, began = process.usage().cpu_s, time.monotonic()
    meanwhile()
    return (process.usage().cpu_s - before) / (time.monotonic() - began)


@contextmanager
def _cluster(*flags: str) -> Iterator[_Cluster]:
    given = ["--nodes", str(NODES), "--token", TOKEN, *flags]
    with Process([sys.executable, "-m", "tests.bench.large.cluster", *given]) as process:
        yield _Cluster(process, process.ready(deadline_s=LONGEST_S).line["url"])


def _ready_s(cluster: _Cluster) -> float:
    """Return the time from a start of Lens until it is ready."""
    with _settled(cluster, settle_s=0) as lens:
        return lens.ready_s


@contextmanager
def _settled(cluster: _Cluster, settle_s: float = SETTLE_S) -> Iterator[_Settled]:
    (port,) = ports.free(1)
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = write_kubeconfig(Path(folder) / "kubeconfig", cluster.url, {"token": TOKEN})
        with Process(SERVE, environment(kubeconfig, port)) as lens:
            is_ready = answers(f"http://127.0.0.1:{port}/readyz")
            ready_s = lens.until(is_ready, deadline_s=LONGEST_S, every_s=ASK_S)
            time.sleep(settle_s)
            yield _Settled(cluster.process, lens, port, ready_s, lens.usage().rss_mib * 1.048576)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["dra", "pods"], nargs="?")
    part = parser.parse_args().part
    if part != "pods":
        measure_dra(Figures())
    if part != "dra":
        measure_pods(Figures())
