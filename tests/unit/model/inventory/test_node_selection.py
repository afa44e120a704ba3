"""Ledgers that share a cluster's nodes by a label count each GPU and each task once."""

import json
from random import Random

import pytest

from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.decoding.kinds import node_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import PodKey
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.node_selection import NodeSelection
from lens.model.k8s.taints import TaintPolicy
from tests.unit.model.manifests import Object, container, node, pod, viewed_pod

SHARES = (["share=a"], ["share=b"], ["share!=a", "share!=b"])


class Share:
    """A ledger with the nodes of a selection."""

    def __init__(self, labels: list[str]) -> None:
        selection = NodeSelection.parse(labels)
        self.ledger = Ledger(TaintPolicy(), selection=selection)
        self._read = node_decoder(GpuResources(), selection=selection).read

    def put_node(self, raw: Object) -> None:
        read = self._read(json.dumps(raw).encode())
        self.ledger.put_node(read.key, read.value)


@pytest.mark.parametrize("seed", range(4))
def test_each_is_counted_once_whatever_changes(seed: int) -> None:
    random = Random(seed)
    whole, parts = Share([]), [Share(labels) for labels in SHARES]
    for step in range(150):
        name, what = f"n{random.randrange(12)}", random.random()
        label = random.choice(({}, {"share": "a"}, {"share": "b"}, {"share": "c"}))
        made = pod(container(gpus=random.randrange(1, 5)), name=f"p{random.randrange(30)}", node=name)
        found = viewed_pod(made) if random.random() < 0.7 else None
        for each in (whole, *parts):
            if what < 0.4:
                each.put_node(node(name, 8, labels=label))
            elif what < 0.5:
                each.ledger.put_node(name, None)
            else:
                each.ledger.put_pod(PodKey("team", made["metadata"]["name"]), found)
        if step % 10 == 0:
            one, several = whole.ledger.snapshot(), [each.ledger.snapshot() for each in parts]
            assert one.states == sum((each.states for each in several[1:]), several[0].states)
            assert one.running_tasks == sum(each.running_tasks for each in several)
            assert one.missing_gpus == sum(each.missing_gpus for each in several)
            assert sorted(one.nodes) == sorted(name for each in several for name in each.nodes)
            assert one.max_contiguous == max(each.max_contiguous for each in several)
            assert all(each.demand == one.demand for each in several), "each has all that isn't bound"


def test_an_agent_is_asked_by_the_one_that_counts_its_node() -> None:
    share, rest = Share(["share=a"]), Share(["share!=a"])
    agent = ExporterPod("lens", "agent-1", "uid", "n1", "10.0.0.1", None)
    asking = []
    for each in (share, rest):
        each.ledger.put_pod(PodKey("lens", "agent-1"), agent)
    for labels in ({"share": "a"}, {}, {"share": "a"}, None):
        for each in (share, rest):
            if labels is None:
                each.ledger.put_node("n1", None)
            else:
                each.put_node(node("n1", 8, labels=labels))
        snapshots = [each.ledger.snapshot() for each in (share, rest)]
        asking.append([(len(each.exporters), each.exporter_nodes) for each in snapshots])
    mine, others = (1, 1), (0, 0)
    assert asking == [[mine, others], [others, mine], [mine, others], [others, mine]]


@pytest.mark.parametrize(
    ("text", "those"),
    [
        ("pool=a", ["a"]),
        ("pool==a", ["a"]),
        ("pool!=a", ["b", "", None]),
        ("pool", ["a", "b", ""]),
        ("!pool", [None]),
        ("pool=", [""]),
    ],
)
def test_requirements_mean_what_they_mean_to_kubectl(text: str, those: list[str | None]) -> None:
    selection = NodeSelection.parse([text])
    values = ("a", "b", "", None)
    assert [value for value in values if selection.has({} if value is None else {"pool": value})] == those


@pytest.mark.parametrize(
    "text", ["", "a=b=c", "!a=b", "a in (b)", "=b", "a b", "a\n", "é=b", "-a=b", "a=" + "x" * 64]
)
def test_what_is_no_requirement_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not name=value, name!=value, name or !name"):
        NodeSelection.parse([text])
