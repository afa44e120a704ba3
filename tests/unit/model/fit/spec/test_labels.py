"""Labels are in memory once for the pods of a workload, and not for ever once these have ended."""

import tracemalloc

import msgspec

from lens.model.fit.spec.asked import read_asked_pod
from lens.model.fit.spec.labels import MAX_SHARED, flatten_known


def labels(number: int) -> dict[str, str]:
    return {"app": "train", "batch.kubernetes.io/job-name": f"train-{number}"}


def test_pods_with_the_same_labels_share_them() -> None:
    assert flatten_known(labels(-1)) is flatten_known(labels(-1))


def test_labels_of_pods_that_have_ended_do_not_pile_up() -> None:
    tracemalloc.start()
    for number in range(MAX_SHARED):
        flatten_known(labels(number))
    before, _ = tracemalloc.get_traced_memory()
    for number in range(MAX_SHARED, 4 * MAX_SHARED):
        flatten_known(labels(number))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The dict of those that are kept may have got a larger table.
    assert after < 2 * before


def test_labels_that_a_caller_asks_about_displace_none_of_the_pods() -> None:
    of_pod = flatten_known(labels(-2))
    for number in range(MAX_SHARED):
        manifest = {"metadata": {"name": "asked", "labels": labels(number)}, "spec": {}}
        assert read_asked_pod(msgspec.json.encode(manifest)).labels[-1] == f"train-{number}"
    assert flatten_known(labels(-2)) is of_pod
