"""Of a run of kopf that has ended little stays in memory: its tasks are cyclic garbage for long."""

import json
import tracemalloc

from tests.integration.watch.reflecting import pods_reflector
from tests.unit.model.manifests import pod

PODS = 2000
BYTES = 100
"""What is remembered of a pod beside the ledger, at least."""


def test_a_reflector_that_another_has_replaced_remembers_no_pods() -> None:
    items = [pod(name=f"pod-{number}") for number in range(PODS)]
    page = json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()
    reflector = pods_reflector()
    tracemalloc.start()
    reflector.apply_page(page, first=True)
    before, _ = tracemalloc.get_traced_memory()
    reflector.retire()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert before - after > PODS * BYTES
