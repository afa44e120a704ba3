"""Whatever happens to a watch, the figures are those of a recount of what it has told.

A true history of two resources reaches the ledger in lines and pages: in order, twice, late, with gaps
that a list repairs, in lists that take their time or are given up, and from an etcd set back in time.
"""

from typing import Any

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lens.model.gpu.node_report import Health
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.occupancy.placement import DevicePlacement, Placement
from lens.model.inventory.occupancy.products import reported_products
from lens.model.inventory.snapshot import Snapshot
from lens.model.inventory.store import Store
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from tests.profiles import full_or
from tests.recount_gpus import Reported
from tests.unit.model import odd
from tests.unit.model.agreement import assert_agrees
from tests.unit.model.history import History, Object, bookmark
from tests.unit.model.informer import Informer

RESOURCES = st.sampled_from(("pods", "nodes"))
KEPT_SNAPSHOTS = 4


class Resource:
    """What the apiserver has of one resource, and how far the watch of it has come."""

    def __init__(self, informer: Informer[Any, Any]) -> None:
        self.history = History()
        self.informer = informer
        self.position = 0
        self.gap = True
        """Whether something was missed, or nothing listed yet; only a list makes it good."""
        self.pages: list[bytes] = []
        self.listed_at = 0
        self.first_page = True

    @property
    def told(self) -> list[Object]:
        return list(self.history.at(self.position).values())


def _resource(decoder: Decoder[Any, Any], store: Store[Any, Any]) -> Resource:
    return Resource(Informer(decoder, store))


def _rows(snapshot: Snapshot) -> bytes:
    return msgspec.json.encode(dict(snapshot.nodes), order="sorted")


class Watching(RuleBasedStateMachine):
    """Writes on one side, deliveries on the other, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(TaintPolicy())
        gpus = GpuResources()
        self.resources = {
            "pods": _resource(pod_decoder(gpus), Store(self.ledger.pods, self.ledger.put_pod)),
            "nodes": _resource(node_decoder(gpus), Store(self.ledger.nodes, self.ledger.put_node)),
        }
        self.version = 1
        self.snapshot = self.ledger.snapshot()
        self.kept: list[tuple[Snapshot, bytes]] = []
        self.placed: dict[str, Reported] = {}

    def _next_version(self) -> int:
        self.version += 1
        return self.version

    @initialize(pods=st.lists(odd.pods(), max_size=4), nodes=st.lists(odd.nodes(), min_size=1, max_size=3))
    def begin(self, pods: list[Object], nodes: list[Object]) -> None:
        self.write_pods(pods)
        self.write_nodes(nodes)
        self.settle()

    # What happens in the cluster

    @rule(pods=st.lists(odd.pods(), min_size=1, max_size=3))
    def write_pods(self, pods: list[Object]) -> None:
        for pod in pods:
            self.resources["pods"].history.put(pod, self._next_version())

    @rule(nodes=st.lists(odd.nodes(), min_size=1, max_size=3))
    def write_nodes(self, nodes: list[Object]) -> None:
        for node in nodes:
            self.resources["nodes"].history.put(node, self._next_version())

    @rule(kind=RESOURCES, which=st.integers(0, 10))
    def delete(self, kind: str, which: int) -> None:
        history = self.resources[kind].history
        keys = sorted(history.at(self.version))
        if keys:
            history.delete(keys[which % len(keys)], self._next_version())

    @rule(back=st.integers(0, 12))
    def restore_etcd(self, back: int) -> None:
        self.version = max(1, self.version - back)
        for resource in self.resources.values():
            resource.history.restore(self.version)
            resource.gap, resource.pages = True, []
            resource.position = min(resource.position, self.version)

    @rule(node=st.sampled_from(odd.NODE_NAMES), reported=odd.placements())
    def place(self, node: str, reported: Reported) -> None:
        """Let an agent tell where units are, of pods that are there and of others."""
        self.placed[node] = reported
        pods = {
            "/".join(key): tuple(DevicePlacement(*each) for each in sorted(set(devices)))
            for key, devices in reported.pods.items()
        }
        self.ledger.put_placement(
            node,
            Placement(
                instances=reported.instances,
                pods=pods,
                gpus=reported.gpus,
                partitions=reported.partitions,
                domain=reported.domain,
                products=reported_products(
                    NodeTelemetry(
                        node=node,
                        source="amd" if reported.domain == "amd.com" else "agent",
                        gpus=tuple(
                            GpuTelemetry(
                                index=index,
                                uuid=uuid,
                                sampled_at=0,
                                health=Health(state="ok"),
                                product=product,
                            )
                            for index, (uuid, product) in enumerate(reported.cards)
                        ),
                    )
                ),
            ),
        )

    # The lines of the watch

    @rule()
    def settle(self) -> None:
        """Tell all that there is to tell."""
        for kind, resource in self.resources.items():
            if resource.gap:
                self.read_list(kind, 3)
            self.tell(kind, len(resource.history.versions(resource.position)))

    @rule(kind=RESOURCES, most=st.integers(1, 6))
    def tell(self, kind: str, most: int) -> None:
        resource = self.resources[kind]
        for version in resource.history.versions(resource.position)[:most]:
            resource.informer.line(resource.history.line(version))
            resource.position = version

    @rule(kind=RESOURCES, back=st.integers(1, 8), number=st.integers(0, 4))
    def tell_again(self, kind: str, back: int, number: int) -> None:
        """Tell old news: how far the watch was some time ago, and a few of the lines since."""
        resource = self.resources[kind]
        if resource.gap:
            return  # A watch without a list before it doesn't exist.
        before = self.ledger.snapshot()
        since = max(0, resource.position - back)
        versions = [version for version in resource.history.versions(since) if version <= resource.position]
        for line in (bookmark(since), *map(resource.history.line, versions[:number])):
            resource.informer.line(line)
            assert self.ledger.snapshot() is before

    @rule(kind=RESOURCES)
    def tell_how_far(self, kind: str) -> None:
        resource = self.resources[kind]
        ahead = resource.history.versions(resource.position)
        resource.position = ahead[0] - 1 if ahead else self.version
        resource.informer.line(bookmark(resource.position))

    @rule(kind=RESOURCES, number=st.integers(1, 4))
    def miss(self, kind: str, number: int) -> None:
        resource = self.resources[kind]
        missed = resource.history.versions(resource.position)[:number]
        if missed:
            resource.position, resource.gap = missed[-1], True

    @rule(kind=RESOURCES, limit=st.integers(1, 6))
    def begin_list(self, kind: str, limit: int) -> None:
        """Begin a list; one that was under way is given up."""
        resource = self.resources[kind]
        resource.pages = resource.history.pages(self.version, limit)
        resource.listed_at, resource.first_page = self.version, True

    @rule(kind=RESOURCES, limit=st.integers(1, 3), which=st.integers(0, 10))
    def break_off_list(self, kind: str, limit: int, which: int) -> None:
        """Expire the watch, let the list that follows reach all but its last page, and delete something."""
        resource = self.resources[kind]
        resource.gap = True
        self.begin_list(kind, limit)
        while len(resource.pages) > 1:
            self.read_page(kind)
        self.delete(kind, which)

    @precondition(lambda self: any(resource.pages for resource in self.resources.values()))
    @rule(kind=RESOURCES)
    def read_page(self, kind: str) -> None:
        resource = self.resources[kind]
        if not resource.pages:
            return
        before = self.ledger.snapshot()
        resource.informer.page(resource.pages.pop(0), first=resource.first_page)
        resource.first_page = False
        if resource.pages:
            assert self.ledger.snapshot() is before
        else:
            resource.position, resource.gap = resource.listed_at, False

    @rule(kind=RESOURCES, limit=st.integers(1, 20))
    def read_list(self, kind: str, limit: int) -> None:
        self.begin_list(kind, limit)
        while self.resources[kind].pages:
            self.read_page(kind)

    # What has to be true

    @invariant()
    def figures_are_those_of_a_recount(self) -> None:
        pods, nodes = self.resources["pods"], self.resources["nodes"]
        if not pods.gap and not nodes.gap:
            assert_agrees(self.ledger.snapshot(), pods.told, nodes.told, self.placed)

    @invariant()
    def no_trace_is_left_of_how_it_came_about(self) -> None:
        fresh = Ledger(TaintPolicy())
        for key, pod in self.ledger.pods.items():
            fresh.put_pod(key, pod)
        for name, node in self.ledger.nodes.items():
            fresh.put_node(name, node)
        for name, placement in self.ledger.placements.items():
            fresh.put_placement(name, placement)
        expected, got = fresh.snapshot(), self.ledger.snapshot()
        assert dict(got.nodes) == dict(expected.nodes)
        assert len(got.nodes) == len(expected.nodes)
        assert dict(got.pending) == dict(expected.pending)
        assert msgspec.structs.replace(
            got, sequence=0, nodes=expected.nodes, pending=expected.pending
        ) == msgspec.structs.replace(expected, sequence=0)

    @invariant()
    def what_did_not_change_is_shared(self) -> None:
        before, after = self.snapshot, self.ledger.snapshot()
        for name in before.nodes.keys() & after.nodes.keys():
            assert (before.nodes[name] is after.nodes[name]) == (before.nodes[name] == after.nodes[name])
        assert (before is after) == (before.sequence == after.sequence)
        assert (before is after) == (
            dict(before.nodes) == dict(after.nodes) and dict(before.pending) == dict(after.pending)
        )
        self.snapshot = after

    @invariant()
    def snapshots_that_are_out_never_change(self) -> None:
        self.kept.append((self.snapshot, _rows(self.snapshot)))
        if len(self.kept) > KEPT_SNAPSHOTS:
            snapshot, rows = self.kept.pop(0)
            assert _rows(snapshot) == rows


TestWatching = Watching.TestCase
TestWatching.settings = settings(
    max_examples=full_or(10, 100),
    stateful_step_count=full_or(20, 40),
    # A failure is shown as it was found: to shrink so many odd objects takes minutes.
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
)
