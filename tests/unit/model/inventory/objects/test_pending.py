"""Pods that wait for GPUs are in the snapshot until they are bound or gone, with the scheduler's reason."""

from lens.model.inventory.objects.pending import Waiting
from tests.unit.model.manifests import Object, container, ledger_of, node, pod, read_pod


def waiting(name: str = "train-0", **fields: object) -> Object:
    return pod(
        container(gpus=4),
        name=name,
        node=None,
        phase="Pending",
        metadata={"creationTimestamp": "2025-12-19T15:30:00Z"},
        **fields,  # type: ignore[arg-type]
    )


def test_a_waiting_pod_tells_since_when_and_for_what() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "no room",
    }
    raw = waiting(
        priority=1000,
        schedulingGates=[{"name": "example.com/gate"}],
        status={"conditions": [condition]},
    )
    (kept,) = ledger_of(raw).snapshot().pending.values()
    assert dict(kept.units) == {"nvidia.com/gpu": 4}
    assert kept.waiting == Waiting(1766158200, 1000, ("example.com/gate",), "Unschedulable", "no room")


def test_a_pod_waits_until_it_is_bound_or_gone() -> None:
    ledger = ledger_of(node("node-1", 8), waiting("a"), waiting("b"))
    first = ledger.snapshot()
    assert set(first.pending) == {"team/a", "team/b"}
    bound = read_pod(pod(container(gpus=4), name="a"))
    ledger.put_pod(bound.key, bound.value)
    assert set(ledger.snapshot().pending) == {"team/b"}
    ledger.put_pod(read_pod(waiting("b")).key, None)
    last = ledger.snapshot()
    assert not last.pending
    assert set(first.pending) == {"team/a", "team/b"}
    assert last.sequence == first.sequence + 2
    assert ledger.snapshot() is last


def test_a_new_reason_shows_and_the_same_one_does_not() -> None:
    ledger = ledger_of(waiting())
    before = ledger.snapshot()
    ledger.put_pod(read_pod(waiting()).key, read_pod(waiting()).value)
    assert ledger.snapshot() is before
    gated = read_pod(waiting(schedulingGates=[{"name": "g"}]))
    ledger.put_pod(gated.key, gated.value)
    (kept,) = ledger.snapshot().pending.values()
    assert kept.waiting is not None
    assert kept.waiting.gates == ("g",)


def test_a_bound_pod_and_one_without_gpus_do_not_wait() -> None:
    without = pod(container(), name="cpu", node=None, phase="Pending")
    assert not ledger_of(node("node-1", 8), pod(container(gpus=1)), without).snapshot().pending
