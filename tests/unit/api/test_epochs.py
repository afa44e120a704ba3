"""An epoch ends in time, whoever asks and however."""

from math import inf

import pytest

from lens.api.cache.epochs import Epochs
from lens.model.cluster_state import ClusterState, StateView
from lens.model.inventory.snapshot import EMPTY

SECONDS = 30.0


@pytest.fixture
def epochs() -> Epochs:
    state = ClusterState()
    state.current = StateView(snapshot=EMPTY, synced=True, contacts={})
    return Epochs(state, SECONDS)


@pytest.mark.parametrize("limit", [inf, 0.0, 5.0])
def test_however_often_the_present_is_asked_for_an_epoch_ends_in_time(epochs: Epochs, limit: float) -> None:
    numbers = {epochs.get("a", b"status", limit, 5.0 * step).number for step in range(61)}
    assert len(numbers) == 300 / SECONDS + 1


def test_a_clock_that_was_set_back_begins_another_epoch(epochs: Epochs) -> None:
    before = epochs.get("a", b"status", inf, 10_000.0)
    assert epochs.get("a", b"status", inf, 6_400.0).number == before.number + 1
