"""What -l selects, in a watch that runs for long."""

import tracemalloc
from typing import Any

from lens_client.context import Context
from lens_client.listing.selection import MAX_SEEN, Labelled
from lens_client.options import Options


class Labels(Context):
    """Has every second pod selected, and counts how often it is asked."""

    def __init__(self) -> None:
        options = Options()
        options.selector = "even=true"
        super().__init__(options, "kubectl lens", {})
        self.asked = 0

    def labelled(self, plural: str) -> set[tuple[str, str]]:
        self.asked += 1
        return {("ml-team", "train-0"), ("ml-team", "train-2")}


def pods(*numbers: int) -> list[dict[str, Any]]:
    return [{"namespace": "ml-team", "pod_name": f"train-{number}"} for number in numbers]


def test_labels_are_asked_for_when_a_row_is_new() -> None:
    labels = Labels()
    labelled = Labelled(labels, "pods")
    assert labelled(pods(0, 1, 2)) == pods(0, 2)
    assert labelled(pods(0, 1)) == pods(0)
    assert labels.asked == 1
    assert labelled(pods(3)) == []
    assert labels.asked == 2


def test_pods_that_have_gone_do_not_pile_up() -> None:
    labelled = Labelled(Labels(), "pods")
    labelled(pods(*range(MAX_SEEN)))
    tracemalloc.start()
    for start in range(MAX_SEEN, 6 * MAX_SEEN, 500):
        labelled(pods(*range(start, start + 500)))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one = 400
    assert grown < 1.5 * MAX_SEEN * one
    assert labelled(pods(0, 1)) == pods(0)
