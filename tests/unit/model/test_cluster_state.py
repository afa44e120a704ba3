"""Who reads the state knows how old it is."""

from collections import Counter
from threading import Thread

from lens.model.cluster_state import ClusterState, StateView
from lens.model.events.terminations import Termination
from lens.model.events.transitions import Event
from lens.model.inventory.snapshot import EMPTY


def test_a_new_state_is_empty() -> None:
    current = ClusterState().current
    assert current.snapshot is EMPTY
    assert not current.synced
    assert current.current_at == 0.0


def test_the_figures_are_as_old_as_the_watch_that_was_silent_longest() -> None:
    current = StateView(snapshot=EMPTY, synced=True, contacts={"pods": 100.0, "nodes": 97.5})
    assert current.current_at == 97.5
    assert current.age(101.0) == 3.5


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    assert StateView(snapshot=EMPTY, synced=True, contacts={"pods": 100.0}).age(99.0) == 0.0


def test_waiting_events_and_terminations_are_bounded_in_bytes() -> None:
    dropped: Counter[str] = Counter()
    state = ClusterState(lambda what: dropped.update([what]))
    for number in range(5000):
        state.add_kube_events(
            [Event(1.0, "Kubernetes", f"Pod/team/{number}", "🌋" * 511 + "…", "team", "kubelet", "x")]
        )
        state.add_termination(Termination("team", f"{number}", "u" * 128, "TaskFailed", "🌋" * 128))
    told, terminations = state.take_kube_events(), state.take_terminations()
    assert sum(len(event.message) * 4 for event in told) < 8 * 2**20
    assert (len(told) + dropped["events"], len(terminations) + dropped["endings"]) == (5000, 5000)
    assert dropped["events"] > 0
    assert (told[-1].object, terminations[-1].name) == ("Pod/team/4999", "4999"), "the latest are kept"
    assert (state.take_kube_events(), state.take_terminations()) == ([], [])


def test_taking_events_makes_room_for_new_ones() -> None:
    state = ClusterState()
    for _ in range(3):
        many = [Event(1.0, "Kubernetes", "Pod/team/a", f"{each}" + "🌋" * 500) for each in range(5000)]
        state.add_kube_events(many)
        assert state.take_kube_events()[-1] is many[-1]
    state.add_kube_events(many[:100])
    assert len(state.take_kube_events()) == 100


def test_one_thread_may_add_events_while_another_takes_them() -> None:
    state = ClusterState()

    def add() -> None:
        for each in range(15_000):
            state.add_kube_events([Event(1.0, "Kubernetes", "Pod/a/a", f"{each}")])

    adding = Thread(target=add)
    adding.start()
    taken = []
    while adding.is_alive():
        taken += state.take_kube_events()
    adding.join()
    taken += state.take_kube_events()
    assert [event.message for event in taken] == [f"{each}" for each in range(15_000)]
