"""What `lens serve` takes on a computed cluster: the real process, read through its real transport.

Its answers are compared with what the computed cluster says is right: no figure is of a Lens that is wrong.
"""

import json
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.bench.api.http_load import load
from tests.bench.percentile import percentile
from tests.bench.process import Process, answers
from tests.bench.size.lateness import lateness_ms
from tests.bench.watch.watching import SERVE, environment
from tests.e2e.cluster import ports
from tests.kubeconfig import write_kubeconfig

SETTLE_S = 3.0
ROUNDS = 5
IDLE_S = 4.0
CHANGES, CHANGES_PER_SECOND = 600, 100
AMID, AMID_PER_SECOND = 2_000, 100
REQUESTS = 200
DEADLINE_S = 450.0
API = "/api/v1/realtime"
PAST_CACHE = {"Cache-Control": "no-cache"}


class Size(NamedTuple):
    """How large a cluster is."""

    nodes: int
    pods: int
    gpu_pods: int


class Value(NamedTuple):
    """A figure and its unit."""

    value: float
    unit: str


class Cluster:
    """A computed cluster in a process of its own."""

    def __init__(self, process: Process, url: str, kubeconfig: Path) -> None:
        """Take what `cluster` started."""
        self.process = process
        self.url = url
        self.kubeconfig = kubeconfig

    def change(self, count: int, per_second: float) -> dict[int, int]:
        """Have pods end and begin; return when each began (ns of the epoch), by the number of its change."""
        path = f"/-/changes?count={count}&per_second={per_second}"
        made = fetched(self.url + path, method="POST", timeout=60 + count / per_second)
        return {int(change): at for change, at in made["begun"].items()}

    def totals(self) -> Mapping[str, int]:
        """Return the right figures."""
        return {str(name): int(value) for name, value in fetched(self.url + "/-/totals").items()}


@contextmanager
def cluster(size: Size) -> Iterator[Cluster]:
    """Start the apiserver of a computed cluster, and end it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        numbers = ["--nodes", str(size.nodes), "--pods", str(size.pods), "--gpu-pods", str(size.gpu_pods)]
        started = stack.enter_context(Process([*SERVE[:1], "-m", "tests.bench.size.apiserver", *numbers]))
        url = started.ready().line["url"]
        kubeconfig = write_kubeconfig(folder / "kubeconfig", url, {"token": "size"})
        yield Cluster(started, url, kubeconfig)


class Lens:
    """`lens serve` on a computed cluster."""

    def __init__(self, process: Process, port: int) -> None:
        """Take a process that has been started."""
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def ready(self) -> float:
        """Wait until all is listed; return the seconds since the process's start."""
        return self.process.until(answers(f"{self.url}/readyz"), DEADLINE_S, every_s=0.05)

    def totals(self) -> Mapping[str, int]:
        """Return its figures, under the names that `Cluster.totals` has."""
        status = fetched(f"{self.url}{API}/status?cluster=bench", PAST_CACHE)["data"]
        usage = status["current_gpu_usage"]
        return {
            "gpus": usage["total_gpus"],
            "allocated": usage["allocated_gpus"],
            "tasks": status["running_tasks"],
        }

    def samples(self) -> Mapping[str, float]:
        """Return the samples of `/metrics`, by their names with labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=30) as response:
            lines = response.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@contextmanager
def lens(on: Cluster) -> Iterator[Lens]:
    """Start Lens on a cluster, and end it."""
    (port,) = ports.free(1)
    with Process(SERVE, environment(on.kubeconfig, port)) as started:
        yield Lens(started, port)


def measured(size: Size) -> Iterator[tuple[str, Value]]:
    """Yield the figures of one size. Raise AssertionError for a Lens whose figures are wrong."""
    with cluster(size) as source, lens(source) as subject:
        yield "ready_s", Value(subject.ready(), "s")
        yield "ready_cpu_s", Value(subject.process.usage().cpu_s, "s")
        _until_right(source, subject)
        # More than two, of pods and of nodes, are more than a start needs.
        yield "lists", Value(_lists(subject.samples()), "")
        _until_owners_are_read(subject)
        time.sleep(SETTLE_S)
        usage = subject.process.usage()
        yield "rss_mib", Value(usage.rss_mib, "MiB")
        yield "peak_rss_mib", Value(usage.peak_rss_mib, "MiB")
        yield from _costs_of_changes(source, subject).items()
        yield from _costs_of_requests(subject).items()
        yield from _amid_changes(source, subject).items()


def _lists(samples: Mapping[str, float]) -> float:
    """Return how often pods or nodes were listed."""
    return sum(samples.get(f'lens_lists_total{{resource="{name}"}}', 0.0) for name in ("pods", "nodes"))


def _until_right(source: Cluster, subject: Lens) -> None:
    """Wait until Lens' figures are the right ones, which it takes 10 s at most."""
    deadline = time.monotonic() + 10
    while (shown := subject.totals()) != (right := source.totals()):
        assert time.monotonic() < deadline, f"Lens says {shown}, and {right} is right"
        time.sleep(0.1)


def _until_owners_are_read(subject: Lens) -> None:
    """Wait until no more owners are read than every few minutes."""
    reads = 'lens_owner_reads_total{outcome="read"}'
    before = -1.0
    while (now := subject.samples().get(reads, 0.0)) > before:
        before = now
        time.sleep(1.0)


def _costs_of_changes(source: Cluster, subject: Lens) -> dict[str, Value]:
    """Return what a change costs, beyond what Lens takes without changes: the median of some rounds.

    Now and then all garbage is collected, which takes a second of CPU in the largest clusters.
    """
    before = subject.samples()
    idle, costs = [], []
    for _ in range(ROUNDS):
        at_first = subject.process.usage().cpu_s
        time.sleep(IDLE_S)
        cpu, began = subject.process.usage().cpu_s, time.monotonic()
        idle.append((cpu - at_first) / IDLE_S)
        source.change(CHANGES, CHANGES_PER_SECOND)
        _until_right(source, subject)
        spent = subject.process.usage().cpu_s - cpu
        costs.append((spent - idle[-1] * (time.monotonic() - began)) / CHANGES)
    after = subject.samples()
    return {
        "idle_cores": Value(statistics.median(idle), "cores"),
        "cpu_ms_change": Value(1000 * statistics.median(costs), "ms"),
        "publish_ms": Value(_ms_each("publish", before, after), "ms"),
        "monitor_ms": Value(_ms_each("monitor", before, after), "ms"),
    }


def _ms_each(job: str, before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Return the milliseconds of CPU of one round of a background job."""
    sum_, count = (
        after[name] - before.get(name, 0.0)
        for name in (f'lens_job_cpu_seconds_sum{{job="{job}"}}', f'lens_job_cpu_seconds_count{{job="{job}"}}')
    )
    return 1000 * sum_ / count


def _costs_of_requests(subject: Lens) -> dict[str, Value]:
    """Return what answers cost while nothing changes, and none comes from the cache."""
    found: dict[str, Value] = {}
    for name, path, requests in (
        ("status", f"{API}/status?cluster=bench", REQUESTS * 5),
        ("tasks_page", f"{API}/running-tasks?cluster=bench&limit=500", REQUESTS),
        ("fit", f"{API}/fit?cluster=bench&gpus=1&resource=nvidia.com/gpu", REQUESTS // 4),
        ("metrics", "/metrics", REQUESTS),
    ):
        load(subject.process.pid, subject.url + path, 5, 1, PAST_CACHE)
        done = load(subject.process.pid, subject.url + path, requests, 1, PAST_CACHE)
        found[f"{name}_ms"] = Value(done.p50_ms, "ms")
        found[f"{name}_cpu_ms"] = Value(done.server_cpu_ms, "ms")
    return found


def _amid_changes(source: Cluster, subject: Lens) -> dict[str, Value]:
    """Return what answers take while pods end and begin, and how late a stream tells of those that begin."""
    begun: dict[int, int] = {}
    over = threading.Event()

    def change() -> None:
        begun.update(source.change(AMID, AMID_PER_SECOND))
        over.set()

    changing = threading.Thread(target=change)
    with lateness_ms(f"{subject.url}{API}/stream?cluster=bench&include=tasks") as lateness_of:
        changing.start()
        times: dict[str, list[float]] = {"status": [], "tasks_page": []}
        while not over.wait(0.05):
            for name, path in (
                ("status", "status?cluster=bench"),
                ("tasks_page", "running-tasks?cluster=bench&limit=500"),
            ):
                began = time.monotonic()
                fetched(f"{subject.url}{API}/{path}", PAST_CACHE)
                times[name].append(1000 * (time.monotonic() - began))
        changing.join()
        late = lateness_of(begun)
    _until_right(source, subject)
    return {
        **{f"{name}_amid_ms": Value(statistics.median(each), "ms") for name, each in times.items()},
        "stream_p50_ms": Value(statistics.median(late), "ms"),
        "stream_p99_ms": Value(percentile(late, 0.99), "ms"),
    }


def fetched(
    url: str, headers: Mapping[str, str] | None = None, method: str = "GET", timeout: float = 30
) -> Any:
    """Return a JSON document. Raise HTTPError for any other status than 200."""
    request = urllib.request.Request(url, headers=dict(headers or {}), method=method)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return json.load(response)
