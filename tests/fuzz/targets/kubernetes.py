"""What an apiserver says, or something between it and Lens, with what tenants have written into it."""

import contextlib

from lens.kube.client.lines import LineSplitter, LineTooLongError
from lens.model.events.kube_events import read_event, read_event_line
from lens.model.events.terminations import read_finished, read_termination
from lens.model.gpu.exporters import ExporterSelector
from lens.model.inventory.objects.decoding import (
    node_decoder,
    pod_decoder,
    read_bookmark,
    read_line,
    read_page,
)
from lens.model.k8s import quantity, timestamps
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.json_depth import flattened
from tests.fuzz.target import target

NOW = 1766158200.0
_pods = pod_decoder(GpuResources(), ExporterSelector.parse("lens", "app=lens-agent", "lens-agent"))
_nodes = node_decoder(GpuResources())


@target("watch-line", longest=2**20)
def watch_line(data: bytes) -> None:
    """Read a line of a watch of pods, as the watch of nodes, and for how a pod ended."""
    for decoder in (_pods, _nodes):
        with contextlib.suppress(ValueError):
            decoder.read_watch_line(data)
    with contextlib.suppress(ValueError):
        read_bookmark(read_line(data).object)
    read_termination(data)


@target("watch-chunks", longest=2**20)
def watch_chunks(data: bytes) -> None:
    """Split a stream into lines, whose chunks end where a zero is."""
    splitter = LineSplitter()
    with contextlib.suppress(LineTooLongError):
        for chunk in data.split(b"\0"):
            for line in splitter.feed(chunk):
                assert b"\n" not in line


@target("list-page", longest=2**20)
def list_page(data: bytes) -> None:
    """Read a page of a list, and each of its objects as a pod and as a node."""
    try:
        page = read_page(data)
    except ValueError:
        return
    for item in page.items or ():
        for decoder in (_pods, _nodes):
            with contextlib.suppress(ValueError):
                decoder.read(item)


@target("pod", longest=2**20)
def pod(data: bytes) -> None:
    """Read a pod by itself, also as one that has finished."""
    with contextlib.suppress(ValueError):
        _pods.read(data)
    read_finished(data)


@target("node", longest=2**20)
def node(data: bytes) -> None:
    """Read a node by itself."""
    with contextlib.suppress(ValueError):
        _nodes.read(data)


@target("deep-json", longest=2**20)
def deep_json(data: bytes) -> None:
    """Cut off what is nested too deep."""
    flattened(data)


@target("kube-event", longest=2**20)
def kube_event(data: bytes) -> None:
    """Read an Event by itself and as a line of a watch."""
    read_event(data, NOW)
    read_event_line(data, NOW)


@target("quantity", longest=2**16)
def read_quantity(data: bytes) -> None:
    """Read a quantity, and as a number of devices."""
    text = data.decode(errors="surrogateescape")
    for read in (quantity.parse, quantity.device_count):
        with contextlib.suppress(ValueError):
            read(text)


@target("timestamp", longest=2**16)
def timestamp(data: bytes) -> None:
    """Read a time; write what was read."""
    second = timestamps.parse(data.decode(errors="surrogateescape"))
    if second is not None:
        timestamps.render(second)
