"""An epoch ends in time, whoever asks and however."""

from math import inf

import pytest
from msgspec.structs import replace

from lens.api.cache.epochs import Epochs
from lens.model.cluster_state import ClusterState, StateView
from lens.model.inventory.snapshot import EMPTY

SECONDS = 30.0


@pytest.fixture
def state() -> ClusterState:
    state = ClusterState()
    state.current = StateView(snapshot=EMPTY, synced=True, contacts={})
    return state


@pytest.fixture
def epochs(state: ClusterState) -> Epochs:
    return Epochs(state, SECONDS)


@pytest.mark.parametrize("limit", [inf, 0.0, 5.0])
def test_however_often_the_present_is_asked_for_an_epoch_ends_in_time(epochs: Epochs, limit: float) -> None:
    numbers = {epochs.get("a", b"status", limit, 5.0 * step).number for step in range(61)}
    assert len(numbers) == 300 / SECONDS + 1


def test_a_clock_that_was_set_back_begins_another_epoch(epochs: Epochs) -> None:
    before = epochs.get("a", b"status", inf, 10_000.0)
    assert epochs.get("a", b"status", inf, 6_400.0).number == before.number + 1


def change(state: ClusterState) -> None:
    state.telemetry = replace(state.telemetry, sequence=state.telemetry.sequence + 1)


@pytest.mark.parametrize(
    ("apart", "waited", "together"),
    [(0.01, 0.0, True), (0.09, 0.0, True), (0.4, 0.35, True), (0.7, 0.0, False)],
)
def test_two_questions_that_are_sent_at_one_time_are_answered_alike_however_busy_lens_is(
    epochs: Epochs, state: ClusterState, apart: float, waited: float, together: bool
) -> None:
    epochs.get("a", b"status", inf, 0.0)
    change(state)
    # Of the two only the first has not been asked shortly before, so it joins what that was answered from.
    tasks = epochs.get("a", b"tasks", inf, 0.4)
    change(state)
    status = epochs.get("a", b"status", inf, 0.4 + apart, waited)
    assert (status.number == tasks.number) is together


def test_who_asks_again_after_an_answer_gets_a_new_one(epochs: Epochs, state: ClusterState) -> None:
    numbers = []
    for second in range(3):
        change(state)
        # Ten times a second, each time two questions.
        numbers += [
            epochs.get("a", question, inf, second + 0.01 * at).number
            for at, question in enumerate((b"status", b"tasks"))
        ]
    assert numbers[0::2] == numbers[1::2]
    assert len(set(numbers)) == 3


@pytest.mark.parametrize("pause", [0.02, 0.05, 0.09, 0.2])
@pytest.mark.parametrize("questions", [(b"status", b"tasks"), (b"status", b"tasks", b"nodes")])
def test_what_a_busy_machine_has_spread_once_leaves_later_questions_together(
    epochs: Epochs, state: ClusterState, pause: float, questions: tuple[bytes, ...]
) -> None:
    now, apart = 0.0, []
    for turn in range(100):
        numbers = set()
        for question in questions:
            change(state)
            epoch = epochs.get("a", question, inf, now)
            assert now - epoch.taken_at < 1.5
            numbers.add(epoch.number)
            now += 0.12 if turn == 5 and question == b"status" else 0.001
        if len(numbers) > 1:
            apart.append(turn)
        now += pause
    assert set(apart) <= {5, 6}
