"""A line with nothing new in it that Lens reads is recognised, and nothing else is.

Two reflectors read the same: Lens' own, and one that makes views of every line.
"""

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lens.kube.watch.reflector import Reflector
from lens.metrics import Metrics
from lens.model.fit.fit_store import Pending, node_for_fit, node_store, pod_for_fit, pod_store
from lens.model.fit.spec.node import FitNode, Gate
from lens.model.fit.state import FitState
from lens.model.gpu.exporters import ExporterSelector
from lens.model.inventory.decoding import fingerprint
from lens.model.inventory.decoding.decoder import Decoder, Reading
from lens.model.inventory.decoding.documents import Line
from lens.model.inventory.decoding.fingerprint import Fingerprints
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.store import Store
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.objects import PodManifest
from lens.model.k8s.taints import TaintPolicy
from tests.profiles import full_or
from tests.unit.model import odd
from tests.unit.model.history import History, Object
from tests.unit.model.manifests import container, node, pod

AGENTS = ExporterSelector.parse("a", "app=lens-agent", None)


class ReadsAll:
    """A decoder that recognises nothing."""

    def __init__(self, decoder: Decoder[Any, Any]) -> None:
        self._decoder = decoder
        self.read = decoder.read

    def read_watch_line(self, raw: bytes, _known: object = None) -> Line | tuple[str, Reading[Any, Any]]:
        return self._decoder.read_watch_line(raw)


class Side:
    """What one reflector has made of all that both have read."""

    def __init__(self, kind: str, *, recognises: bool) -> None:
        self.kind = kind
        self.ledger = Ledger(TaintPolicy())
        self.fit, self.pending = FitState(), Pending()
        self.changes: list[bool] = []
        self.gone: list[bytes] = []
        self.decisions: list[object] = []
        self.views = 0
        decoder: Any
        if kind == "pods":
            for name in odd.NODE_NAMES:
                self.fit.put_node(name, FitNode(name, {}, Gate(unschedulable=False, taints=()), {}, pods=110))
            decoder = pod_decoder(GpuResources(), AGENTS, fit=self._pod_for_fit)
            store: Any = Store(self.ledger.pods, self.ledger.put_pod)
            store_for_fit: Any = pod_store(self.fit, self.pending, lambda *all_: self.decisions.append(all_))
        else:
            decoder = node_decoder(GpuResources(), node_for_fit)
            store, store_for_fit = Store(self.ledger.nodes, self.ledger.put_node), node_store(self.fit)
        self.reflector: Reflector[Any, Any] = Reflector(
            kind,
            "Any",
            decoder if recognises else ReadsAll(decoder),  # type: ignore[arg-type]
            store,
            Metrics(),
            lambda: 0.0,
            self.changes.append,
            self.gone.append,
            store_for_fit,
        )

    def _pod_for_fit(self, manifest: PodManifest, *rest: Any) -> object:
        self.views += 1
        return pod_for_fit(manifest, *rest)

    def all_known(self) -> list[object]:
        fleet = self.fit.fleet()
        return [
            *(dict(self.ledger.pods), dict(self.ledger.nodes)),
            *(set(self.fit.pod_keys()), fleet.nodes, fleet.priorities, fleet.unreadable),
            *(self.pending.view(), self.decisions, self.changes, self.gone),
            *(self.reflector.store.resource_version, self.reflector.skipped),
        ]


class Both:
    """A true history of one resource, which both sides read."""

    def __init__(self, kind: str) -> None:
        self.history = History()
        self.version = 1
        self.sides = (Side(kind, recognises=True), Side(kind, recognises=False))
        self.list()

    def list(self) -> None:
        pages = self.history.pages(self.version, 2)
        for side in self.sides:
            for number, page in enumerate(pages):
                side.reflector.apply_page(page, first=number == 0)

    def forget(self) -> None:
        for side in self.sides:
            side.reflector.forget()

    def put(self, raw: Object) -> None:
        self.version += 1
        self.history.put(copy.deepcopy(raw), self.version)
        self._line(self.history.line(self.version))

    def delete(self, which: int) -> None:
        if keys := sorted(self.history.at(self.version)):
            self.version += 1
            self.history.delete(keys[which % len(keys)], self.version)
            self._line(self.history.line(self.version))

    def write_unseen(self, raw: Object) -> None:
        """Write what the watch misses, so that a list has to make it good."""
        self.version += 1
        self.history.put(copy.deepcopy(raw), self.version)
        self.list()

    def one(self, which: int) -> Object | None:
        objects = self.history.at(self.version)
        return copy.deepcopy(objects[sorted(objects)[which % len(objects)]]) if objects else None

    def _line(self, line: bytes) -> None:
        for side in self.sides:
            side.reflector.apply_lines([line])

    def agree(self) -> None:
        ours, theirs = (side.all_known() for side in self.sides)
        assert ours == theirs


NOISE: tuple[tuple[str, object], ...] = (
    ("metadata.managedFields", [{"manager": "kubelet"}]),
    ("metadata.annotations", {"note": "1"}),
    ("metadata.annotations", {"note": "2", "more": "x" * 500}),
    ("metadata.generation", 7),
    ("status.hostIP", "10.0.0.1"),
    ("status.images", [{"names": ["a"], "sizeBytes": 7}]),
    ("status.qosClass", "Burstable"),
)
NEWS: tuple[tuple[str, object], ...] = (
    ("metadata.annotations", {"gpu-fraction": "0.5"}),
    ("metadata.annotations", {"gpu-fraction": "0.25", "gpu-fraction-num-devices": "2"}),
    ("metadata.annotations", {"gpu-memory": "2000"}),
    ("metadata.annotations", 7),
    ("metadata.labels", {"app": "lens-agent"}),
    ("metadata.labels", {"runai-gpu-group": "g1"}),
    ("metadata.labels", {"nvidia.com/gpu.product": "NVIDIA-H200"}),
    ("metadata.deletionTimestamp", "2025-12-19T15:30:00Z"),
    ("metadata.ownerReferences", [{"kind": "Job", "name": "train", "uid": "u", "controller": True}]),
    ("spec.nodeName", "n1"),
    ("spec.nodeName", None),
    ("spec.priority", 7),
    ("spec.schedulerName", "kai-scheduler"),
    ("spec.nodeSelector", {"zone": "a"}),
    ("spec.tolerations", [{"operator": "Exists"}]),
    ("spec.affinity", {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}),
    ("spec.affinity", {"podAntiAffinity": 7}),
    ("spec.schedulingGates", [{"name": "example.com/gate"}]),
    ("spec.resourceClaims", [{"name": "gpu", "resourceClaimName": "one"}]),
    ("spec.overhead", {"nvidia.com/gpu": "1"}),
    ("spec.resources", {"requests": {"cpu": "4"}}),
    ("spec.containers", [{"name": "c0", "ports": [{"hostPort": 80, "containerPort": 80}]}]),
    ("spec.containers", [{"name": "c0", "resources": {"limits": {"nvidia.com/gpu": 10**30}}}]),
    ("spec.containers", [{"name": "c0", "resources": {"limits": {"nvidia.com/gpu": "-1"}}}]),
    ("spec.unschedulable", True),
    ("spec.taints", [{"key": "team", "value": "a", "effect": "NoSchedule"}]),
    ("status.phase", "Succeeded"),
    ("status.podIP", "10.0.0.7"),
    ("status.nominatedNodeName", "n2"),
    ("status.conditions", [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]),
    ("status.conditions", [{"type": "Ready", "status": "Unknown"}]),
    ("status.containerStatuses", [{"name": "c0", "allocatedResources": {"nvidia.com/gpu": "2"}}]),
    (
        "status.containerStatuses",
        [
            {
                "name": "c0",
                "allocatedResourcesStatus": [
                    {"name": "nvidia.com/gpu", "resources": [{"resourceID": "GPU-a", "health": "Unhealthy"}]}
                ],
            }
        ],
    ),
    ("status.resourceClaimStatuses", [{"name": "gpu", "resourceClaimName": "one"}]),
    ("status.extendedResourceClaimStatus", {"resourceClaimName": "one"}),
    ("status.allocatable", {"nvidia.com/gpu": "3", "cpu": "8"}),
    ("status.capacity", {"nvidia.com/gpu": "nine"}),
    ("status.declaredFeatures", ["GangScheduling"]),
)
WHICH = st.integers(0, 20)
CHANGES = st.tuples(WHICH, st.lists(st.sampled_from(NOISE) | st.sampled_from(NEWS), max_size=2))


def _changed(raw: Object, changes: list[tuple[str, object]]) -> Object:
    for path, value in changes:
        part, field = path.split(".")
        if isinstance(raw.setdefault(part, {}), dict):
            raw[part][field] = value
    return raw


def _steps(objects: st.SearchStrategy[Object]) -> st.SearchStrategy[list[tuple[str, Any]]]:
    step = st.one_of(
        st.tuples(st.just("put"), objects),
        *(st.tuples(st.just("change"), CHANGES) for _ in range(4)),
        st.tuples(st.just("miss"), CHANGES),
        st.tuples(st.just("delete"), WHICH),
        st.tuples(st.sampled_from(("list", "forget")), st.none()),
    )
    return st.lists(step, min_size=3, max_size=15)


def _run(both: Both, steps: list[tuple[str, Any]]) -> None:
    for what, given_ in steps:
        if what == "put":
            both.put(given_)
        elif what == "delete":
            both.delete(given_)
        elif what in ("list", "forget"):
            getattr(both, what)()
        elif (raw := both.one(given_[0])) is not None:
            (both.put if what == "change" else both.write_unseen)(_changed(raw, given_[1]))
        both.agree()


@settings(max_examples=full_or(60, 1500))
@given(_steps(odd.pods()))
def test_pods_are_what_they_are_when_every_line_is_read(steps: list[tuple[str, Any]]) -> None:
    _run(Both("pods"), steps)


@settings(max_examples=full_or(40, 1000))
@given(_steps(odd.nodes()))
def test_nodes_are_what_they_are_when_every_line_is_read(steps: list[tuple[str, Any]]) -> None:
    _run(Both("nodes"), steps)


def test_no_views_are_made_of_what_is_reported_again() -> None:
    both = Both("pods")
    both.write_unseen(pod(container("main", "1"), node="n1"))
    ours, theirs = both.sides
    before = ours.views, theirs.views
    for number in range(5):
        both.put(_changed(pod(container("main", "1"), node="n1"), [NOISE[number]]))
    assert (ours.views, theirs.views) == (before[0], before[1] + 5)
    both.put(pod(container("main", "2"), node="n1"))
    assert ours.views == before[0] + 1
    both.agree()


def test_what_was_deleted_is_read_anew() -> None:
    both = Both("pods")
    both.put(pod(container("main", "1"), node="n1"))
    again = both.one(0)
    assert again is not None
    both.delete(0)
    again["metadata"]["resourceVersion"] = str(both.version + 1)
    for side in both.sides:
        side.reflector.apply_lines([json.dumps({"type": "MODIFIED", "object": again}).encode()])
        assert len(side.ledger.pods) == 1


def test_of_too_many_objects_the_first_are_forgotten() -> None:
    known: Fingerprints[int] = Fingerprints()
    for key in range(fingerprint.MAX_KEPT + 2):
        known.put(key, b"x")
    assert known.is_full
    assert len(known) == fingerprint.MAX_KEPT
    assert (known.get(1), known.get(2)) == (None, b"x")
    known.put(2, None)
    assert 2 not in known


def test_a_node_is_recognised_by_all_but_its_heartbeat() -> None:
    both = Both("nodes")
    both.write_unseen(node("n1", "8"))
    for ready in ("True", "True", "False", "False", "True"):
        both.put(node("n1", "8", ready=ready))
        both.agree()
    assert both.sides[0].changes[-5:] == [False, False, True, False, True]
