"""What an apiserver says, or something between it and Lens, with what tenants have written into it."""

import contextlib

from lens.kube.client.lines import LineSplitter, LineTooLongError
from lens.model.events.kube_events import read_event, read_event_line
from lens.model.events.terminations import read_finished, read_termination
from lens.model.gpu.exporters import ExporterSelector
from lens.model.inventory.decoding.documents import read_bookmark, read_line, read_page
from lens.model.inventory.decoding.kinds import daemonset_decoder, node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.k8s import quantity, timestamps
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.json_depth import flattened
from lens.model.k8s.taints import TaintPolicy
from tests.fuzz.target import target

NOW = 1766158200.0
_pods = pod_decoder(GpuResources(), ExporterSelector.parse("lens", "app=lens-agent", "lens-agent"))
_nodes = node_decoder(GpuResources())
_daemonsets = daemonset_decoder()

NODE = (
    b'{"metadata":{"name":"n0","resourceVersion":"1"},"status":{"capacity":{"nvidia.com/gpu":"8"},'
    b'"allocatable":{"nvidia.com/gpu":"8"}}}'
)
POD = (
    b'{"metadata":{"name":"p","namespace":"t","uid":"u","resourceVersion":"1"},"spec":{"nodeName":"n0",'
    b'"containers":[{"resources":{"limits":{"nvidia.com/gpu":"2"}}}]},"status":{"phase":"Running"}}'
)


def _count(node: bytes = NODE, pod: bytes = POD) -> None:
    """Count a node and a pod."""
    ledger = Ledger(TaintPolicy(("nvidia.com/gpu",)))
    read_node, read_pod = _nodes.read(node), _pods.read(pod)
    ledger.put_node(read_node.key, read_node.value)
    ledger.put_pod(read_pod.key, read_pod.value)
    states = ledger.snapshot().states
    assert min(states.allocated, states.unhealthy, states.unavailable, states.available) >= 0


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
    """Read a pod by itself, also as one that has finished, and count it."""
    with contextlib.suppress(ValueError):
        _count(pod=data)
    read_finished(data)


@target("node", longest=2**20)
def node(data: bytes) -> None:
    """Read a node by itself, and count it."""
    with contextlib.suppress(ValueError):
        _count(node=data)


@target("daemonset", longest=2**20)
def daemonset(data: bytes) -> None:
    """Read the DaemonSet of the agents."""
    with contextlib.suppress(ValueError):
        _daemonsets.read(data)


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
