"""A cluster as the watch shows it, line by line, with a recorder that is asked once a second."""

import json
from collections.abc import Mapping

import msgspec

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.objects import read_claim, read_class
from lens.model.fit.dra.slices import read_slice
from lens.model.fit.fit_store import Pending, node_for_fit, node_store, pod_for_fit, pod_store
from lens.model.fit.record.decisions import Decisions
from lens.model.fit.record.record import FitRecord, Recorder
from lens.model.fit.state import FitState
from lens.model.fit.view import FitView
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder
from lens.model.inventory.objects.pod_key import PodKey
from lens.model.k8s.gpu_resources import GpuResources
from tests.unit.model.fit import fleets
from tests.unit.model.manifests import Object

START = 1_000_000.0
REFUSED = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


class World:
    """Nodes ``a`` and others, and pods; time passes only with ``wait``."""

    def __init__(self, *nodes: Object) -> None:
        """Take the nodes; the recorder has known them for a minute."""
        self.now = START
        self.age = 0.0
        self.state, self.pending = FitState(), Pending()
        self.decisions = Decisions(self.state, lambda: self.now)
        self.pods = pod_store(self.state, self.pending, self.decisions.note)
        self.nodes = node_store(self.state)
        self.recorder = Recorder(self.now)
        self._read_pod = pod_decoder(GpuResources(), fit=pod_for_fit).read
        self._read_node = node_decoder(GpuResources(), node_for_fit).read
        self._objects: dict[PodKey, Object] = {}
        for each in nodes:
            self.node(each)
        self.wait(60)

    def node(self, raw: Object) -> None:
        """Add or change a node."""
        self.nodes.apply_line(raw["metadata"]["name"], self._read_node(_encoded(raw)).fit)

    def devices(self, *raws: Object) -> None:
        """Add or change objects of resource.k8s.io."""
        state = self.state.devices
        for raw in raws:
            document, name = json.dumps(raw).encode(), raw["metadata"]["name"]
            match raw["kind"]:
                case "ResourceSlice":
                    state.put_slice(name, read_slice(document))
                case "DeviceClass":
                    state.put_class(name, read_class(document))
                case "ResourceClaim":
                    state.put_claim((raw["metadata"]["namespace"], name), read_claim(document))
                case _:
                    raise AssertionError(raw["kind"])

    def pod(self, raw: Object) -> None:
        """Add or change a pod."""
        meta = raw["metadata"]
        key = PodKey(meta["namespace"], meta["name"])
        self._objects[key] = raw
        self.pods.apply_line(key, self._read_pod(_encoded(raw)).fit)

    def bind(self, name: str, node: str) -> None:
        """Bind a pending pod."""
        raw = self._objects[PodKey("default", name)]
        self.pod({**raw, "spec": {**raw["spec"], "nodeName": node}})

    def refuse(self, name: str, message: str = REFUSED, **status: object) -> None:
        """Have the scheduler find no node for a pending pod."""
        raw = self._objects[PodKey("default", name)]
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        self.pod({**raw, "status": {"conditions": [condition], **status}})

    def delete(self, name: str) -> None:
        """Delete a pod."""
        self.pods.apply_line(PodKey("default", name), None)

    def relist(self, *raws: Object) -> None:
        """Have a list show all pods there are."""
        read = {
            PodKey(raw["metadata"]["namespace"], raw["metadata"]["name"]): self._read_pod(_encoded(raw)).fit
            for raw in raws
        }
        self.pods.apply_page(read, first=True, last=True)

    def view(self) -> FitView:
        """Return what is published now."""
        view = self.decisions.view = FitView(self.state.fleet(), pending=self.pending.view())
        return view

    def wait(self, seconds: int = 1, check_time: Check = no_deadline) -> Mapping[str, int]:
        """Let seconds pass; return what was judged in them."""
        judged: dict[str, int] = {}
        for _ in range(seconds):
            self.now += 1
            decisions, abstained = self.decisions.take()
            found = self.recorder.tick(self.view(), self.age, decisions, abstained, self.now, check_time)
            for outcome, number in found.items():
                judged[outcome] = judged.get(outcome, 0) + number
        return judged

    @property
    def record(self) -> FitRecord:
        """Return the record."""
        return self.recorder.record


def _encoded(raw: Object) -> bytes:
    meta = {"resourceVersion": "1", "uid": raw["metadata"]["name"], **raw["metadata"]}
    return json.dumps({**raw, "metadata": meta}).encode()


def asking(gpus: int = 1, name: str = "train", **fields: object) -> Object:
    """Return a pod that asks for GPUs; further arguments are fields of its spec."""
    return fleets.pod(gpus, name=name, **fields)  # type: ignore[arg-type]


def with_gpus(raw: Object, gpus: int) -> Object:
    """Return a node with another number of GPUs."""
    changed: Object = msgspec.json.decode(msgspec.json.encode(raw))
    changed["status"]["allocatable"]["nvidia.com/gpu"] = str(gpus)
    return changed
