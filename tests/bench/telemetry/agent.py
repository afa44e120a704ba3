"""What the node agent costs: the real `lens agent` on the simulated NVML library, with 8 GPUs and a kubelet.

Memory and CPU are the whole process's at its usual interval, with each NVML call as slow as on the recorded
H100, while it is asked for its report as often as an operator asks. The library waits where a driver may
compute, so CPU that the driver itself burns in the process is not in the figure.

The time of a sample is the agent's own, of a process whose NVML calls return at once: from the moment that
stands at each of its GPUs (`sampled_at`), when a round begins, to the report's `sampled_at`, when it is over.
What the library's functions themselves take, some microseconds each, is in it, as is the handing over from
thread to thread. `python -m tests.bench.telemetry.agent` runs it alone.
"""

import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lens.model.gpu.node_report import Report
from lens_sim.node.nvml import library
from lens_sim.node.nvml.scenario import Gpu, Process, Scenario, Wave
from lens_sim.node.podresources import Container, Pod, PodResourcesServer
from tests.bench import process
from tests.bench.figures import Figures
from tests.bench.process import answers
from tests.e2e.cluster import ports

GPUS = 8
INTERVAL_S = 5.0
ASKED_EVERY_S = 15.0
SETTLE_S = 40.0
"""Past the second of the rounds that ask for what is slow to tell, which come every half minute."""
CPU_S = 60.0
SAMPLE_INTERVAL_S = 0.5
SAMPLES = 100


def measure(figures: Figures, rounds: int) -> None:
    """Add the agent's figures, those of CPU over so many minutes. Needs a C compiler and no cluster."""
    with tempfile.TemporaryDirectory() as folder:
        with _agent(Path(folder), latency=True, interval_s=INTERVAL_S) as (agent, url):
            _look(url, SETTLE_S)
            percents = [_cpu_percent(agent, url) for _ in range(rounds)]
            settled = agent.usage()
        with _agent(Path(folder), latency=False, interval_s=SAMPLE_INTERVAL_S) as (agent, url):
            samples = _samples(url)
    figures.add("agent_rss_mb", settled.rss_mib * process.MIB / 1e6, "MB")
    figures.add("agent_cpu_percent", statistics.median(percents), "%")
    figures.add("agent_cpu_percent_most", max(percents), "%")
    figures.add("agent_sample_ms", statistics.median(samples), "ms")
    figures.add("agent_sample_most_ms", max(samples), "ms")


@contextmanager
def _agent(folder: Path, *, latency: bool, interval_s: float) -> Iterator[tuple[process.Process, str]]:
    """Give a running agent on a node whose GPUs are all held and busy, and its base address."""
    uuids = [f"GPU-{index:08}-0000-4000-8000-000000000000" for index in range(GPUS)]
    # The process on each GPU is one that there is, so that its cgroup can be read.
    gpus = [
        Gpu(uuid=uuid, utilization=Wave(20, 95, 60), memory=2.0**33, processes=[Process(os.getpid(), 2**33)])
        for uuid in uuids
    ]
    scenario = folder / "scenario"
    Scenario(gpus, latency=latency).write(scenario)
    kubelet = PodResourcesServer(folder / "kubelet.sock")
    kubelet.allocatable = {"nvidia.com/gpu": uuids}
    kubelet.pods = [
        Pod("training", f"worker-{index}", [Container("main", {"nvidia.com/gpu": [uuid]})])
        for index, uuid in enumerate(uuids)
    ]
    (port,) = ports.free(1)
    url = f"http://127.0.0.1:{port}"
    settings = {
        "LENS_AGENT_NODE": "gpu-node-1",
        "LENS_AGENT_LISTEN": f"127.0.0.1:{port}",
        "LENS_AGENT_INTERVAL_SECONDS": str(interval_s),
        "LENS_AGENT_PODRESOURCES_SOCKET": str(kubelet.socket),
    }
    kubelet.start()
    try:
        command = [sys.executable, "-m", "lens", "agent"]
        environment = {**library.environment(library.build(), scenario), **settings}
        with process.Process(command, environment) as agent:
            agent.until(answers(f"{url}/healthz"))
            agent.until(lambda: len(_report(url).gpus) == GPUS)
            agent.until(lambda: len(_report(url).holders or ()) == GPUS)
            yield agent, url
    finally:
        kubelet.stop()


def _report(url: str) -> Report:
    with urllib.request.urlopen(f"{url}/v1/devices", timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=Report)


def _look(url: str, seconds: float) -> None:
    """Let time pass, and ask as an operator does."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, ASKED_EVERY_S))
        _report(url)


def _cpu_percent(agent: process.Process, url: str) -> float:
    began, before = time.monotonic(), agent.usage()
    _look(url, CPU_S)
    return 100 * (agent.usage().cpu_s - before.cpu_s) / (time.monotonic() - began)


def _samples(url: str) -> list[float]:
    """Return the milliseconds that rounds took, each as the agent tells it."""
    seen: dict[float, float] = {}
    while len(seen) < SAMPLES:
        time.sleep(SAMPLE_INTERVAL_S / 2)
        report = _report(url)
        began = min(gpu.sampled_at for gpu in report.gpus)
        assert report.sampled_at is not None
        seen[began] = 1000 * (report.sampled_at - began)
    return list(seen.values())


if __name__ == "__main__":
    measure(Figures(), rounds=3)
