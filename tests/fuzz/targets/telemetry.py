"""What agents and exporters say: whoever owns a node can have them say anything."""

import contextlib

from lens.model.alerts.alert import Thresholds
from lens.model.cluster_state import StateView
from lens.model.gpu import device_ids
from lens.model.gpu.node_report import Gpu, Health, Instance
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.model.inventory.ledger import Ledger
from lens.model.k8s.bounds import LONGEST_MESSAGE
from lens.model.k8s.taints import TaintPolicy
from lens.model.monitor import Monitor
from lens.telemetry.agent import read_agent
from lens.telemetry.amd import read_amd
from lens.telemetry.dcgm import read_dcgm
from lens.telemetry.prometheus_parser import Exposition
from lens.telemetry.scrape_client import MAX_BODY_BYTES, ScrapeResponse
from lens.telemetry.scrape_error import ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target
from tests.fuzz.target import target
from tests.unit.model.manifests import container, node, pod, read_node, read_pod
from tests.unit.telemetry.reports import report, written

NOW = 1766158200.0
DATE = "Fri, 19 Dec 2025 15:30:00 GMT"
_AGENT = Target("node-1", "http://127.0.0.1:1/v1/devices", "agent", "lens-agent-x", "uid-1")
_DCGM = Target("node-1", "http://127.0.0.1:1/metrics", "dcgm", "dcgm-exporter-x", "uid-1")
_AMD = Target("node-1", "http://127.0.0.1:1/metrics", "amd", "device-metrics-exporter-x", "uid-1")
_SOUND = written(report())
_GPUS = (
    Gpu(
        index=0,
        uuid="GPU-1",
        sampled_at=NOW,
        health=Health(state="ok"),
        pci_bus_id="00000000:C1:00.0",
        minor_number=0,
        instances=(Instance(uuid="MIG-1", gpu_instance_id=1, compute_instance_id=0),),
    ),
)


_NODE = read_node(node("node-1", 8))
_PODS = [read_pod(pod(container(gpus=gpus), name=name)) for name, gpus in (("train-0", 2), ("b", 1))]
_AT_ONCE = Thresholds(for_seconds=0, idle_seconds=0.001, throttled_seconds=0, agent_seconds=0)


def _count(result: ScrapeResult) -> None:
    """Count what a node says of its GPUs and of who holds them, and find what is wrong with them."""
    ledger = Ledger(TaintPolicy())
    ledger.put_node(_NODE.key, _NODE.value)
    for each in _PODS:
        ledger.put_pod(each.key, each.value)
    cache = TelemetryCache(stale_after=30, unknown_after=60)
    cache.put("node-1", result.telemetry, NOW)
    told = cache.snapshot()
    assert told.utilization_percent is None or 0 <= told.utilization_percent <= 100
    current = StateView(snapshot=ledger.snapshot(), synced=True, contacts={}, telemetry=told)
    monitor = Monitor(_AT_ONCE, 10)
    for now in (NOW, NOW + 1):
        found = monitor.evaluate(current, (), now)
        monitor.raise_failure()
        assert all(len(alert.message) <= LONGEST_MESSAGE for alert in found.alerts)
    cache.age(NOW + 100)
    assert cache.snapshot().utilization_percent is None


@target("agent-report", longest=MAX_BODY_BYTES["agent"])
def agent_report(data: bytes) -> None:
    """Read an agent's report, and count it."""
    with contextlib.suppress(ScrapeError):
        _count(read_agent(_AGENT, ScrapeResponse(data, DATE), NOW))


@target("date", longest=2**13)
def date(data: bytes) -> None:
    """Read the Date header of an agent's answer."""
    with contextlib.suppress(ScrapeError):
        read_agent(_AGENT, ScrapeResponse(_SOUND, data.decode(errors="surrogateescape")), NOW)


@target("exposition", longest=MAX_BODY_BYTES["dcgm"])
def exposition(data: bytes) -> None:
    """Read all lines of Prometheus' text format."""
    with contextlib.suppress(ScrapeError):
        Exposition(data, lambda name: name.decode(errors="replace")).read(lambda sample: sample)


@target("dcgm", longest=MAX_BODY_BYTES["dcgm"])
def dcgm(data: bytes) -> None:
    """Read what dcgm-exporter says, and count it."""
    with contextlib.suppress(ScrapeError):
        _count(read_dcgm(_DCGM, ScrapeResponse(data, DATE), NOW))


@target("amd", longest=MAX_BODY_BYTES["amd"])
def amd(data: bytes) -> None:
    """Read what AMD's exporter says, and count it."""
    with contextlib.suppress(ScrapeError):
        _count(read_amd(_AMD, ScrapeResponse(data, DATE), NOW))


@target("device-id", longest=2**16)
def device_id(data: bytes) -> None:
    """Take a device plugin's id apart, and look for what it names."""
    text = data.decode(errors="surrogateescape")
    device_ids.gpu_uuid(text)
    device_ids.pci_bus_id(text)
    device_ids.find(device_ids.parse(text), _GPUS)
