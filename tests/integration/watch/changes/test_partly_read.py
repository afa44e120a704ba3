"""An object of which only a part can be read takes its room in a fit, as it does in the figures."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from lens.kube.watch.reflector import Reflector
from lens.metrics import Metrics
from lens.model.fit.fit_store import FitStore, Pending, node_for_fit, node_store, pod_for_fit, pod_store
from lens.model.fit.state import FitState
from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.store import Store
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from tests.unit.model.manifests import GPU, Object, container, node, pod


class Watched:
    """The figures and what the fit engine reads, as reflectors apply it."""

    def __init__(self) -> None:
        self.ledger, self.fit = Ledger(TaintPolicy()), FitState()
        gpus = GpuResources()
        pods = Store(self.ledger.pods, self.ledger.put_pod)
        nodes = Store(self.ledger.nodes, self.ledger.put_node)
        self._pods = self._reflector(pod_decoder(gpus, fit=pod_for_fit), pods, pod_store(self.fit, Pending()))
        self._nodes = self._reflector(node_decoder(gpus, node_for_fit), nodes, node_store(self.fit))

    @staticmethod
    def _reflector(
        decoder: Decoder[Any, Any], store: Store[Any, Any], fit_store: FitStore[Any, Any]
    ) -> Reflector[Any, Any]:
        return Reflector(
            "some", "Any", decoder, store, Metrics(), lambda: 0.0, lambda _: None, fit_store=fit_store
        )

    def read(self, objects: Sequence[Object], *, listed: bool) -> None:
        for reflector, kind in (self._nodes, "Node"), (self._pods, "Pod"):
            own = [each for each in objects if each["kind"] == kind]
            page = {"metadata": {"resourceVersion": "8" if listed else "1"}, "items": own if listed else []}
            reflector.apply_page(json.dumps(page).encode(), first=True)
            if not listed:
                lines = [json.dumps({"type": "ADDED", "object": each}).encode() for each in own]
                reflector.apply_lines(lines)


@pytest.mark.parametrize("listed", [True, False])
def test_what_only_describes_costs_no_room(*, listed: bool) -> None:
    odd_pod = pod(container("main", "3"), node="n1", status={"startTime": 7})
    odd_node = node("n1", "8")
    odd_node["status"]["conditions"] = [{"type": "Ready", "status": "True", "reason": 9}]
    watched = Watched()
    watched.read([odd_node, odd_pod], listed=listed)
    assert watched.ledger.snapshot().states.available == 5
    fleet = watched.fit.fleet()
    assert fleet.unreadable == 2
    assert [each.free[GPU] for each in fleet.nodes] == [5]
