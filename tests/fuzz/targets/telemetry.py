"""What agents and exporters say: whoever owns a node can have them say anything."""

import contextlib

from lens.model.gpu import device_ids
from lens.model.gpu.node_report import Gpu, Health, Instance
from lens.telemetry.agent import read_event
from lens.telemetry.amd import read_amd
from lens.telemetry.client import LONGEST_BODY, Answer
from lens.telemetry.dcgm import read_dcgm
from lens.telemetry.exposition import samples
from lens.telemetry.refusal import RefusedError
from lens.telemetry.targets import Target
from tests.fuzz.target import target
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


@target("agent-report", longest=LONGEST_BODY["agent"])
def agent_report(data: bytes) -> None:
    """Read an agent's report."""
    with contextlib.suppress(RefusedError):
        read_event(_AGENT, Answer(data, DATE), NOW)


@target("date", longest=2**13)
def date(data: bytes) -> None:
    """Read the Date header of an agent's answer."""
    with contextlib.suppress(RefusedError):
        read_event(_AGENT, Answer(_SOUND, data.decode(errors="surrogateescape")), NOW)


@target("exposition", longest=LONGEST_BODY["dcgm"])
def exposition(data: bytes) -> None:
    """Read all lines of Prometheus' text format."""
    with contextlib.suppress(RefusedError):
        for _ in samples(data, lambda name: name.decode(errors="replace")):
            pass


@target("dcgm", longest=LONGEST_BODY["dcgm"])
def dcgm(data: bytes) -> None:
    """Read what dcgm-exporter says."""
    with contextlib.suppress(RefusedError):
        read_dcgm(_DCGM, Answer(data, DATE), NOW)


@target("amd", longest=LONGEST_BODY["amd"])
def amd(data: bytes) -> None:
    """Read what AMD's exporter says."""
    with contextlib.suppress(RefusedError):
        read_amd(_AMD, Answer(data, DATE), NOW)


@target("device-id", longest=2**16)
def device_id(data: bytes) -> None:
    """Take a device plugin's id apart, and look for what it names."""
    text = data.decode(errors="surrogateescape")
    device_ids.gpu_uuid(text)
    device_ids.pci_bus_id(text)
    device_ids.find(device_ids.parse(text), _GPUS)
