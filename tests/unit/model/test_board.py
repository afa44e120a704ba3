"""Who reads the board knows how old its news is."""

from lens.model.board import Board, Notice
from lens.model.snapshot import EMPTY


def test_a_new_board_knows_nothing() -> None:
    notice = Board().notice
    assert notice.snapshot is EMPTY
    assert not notice.synced
    assert notice.current_at == 0.0


def test_the_figures_are_as_old_as_the_watch_that_was_silent_longest() -> None:
    notice = Notice(snapshot=EMPTY, synced=True, contacts={"pods": 100.0, "nodes": 97.5})
    assert notice.current_at == 97.5
    assert notice.age(101.0) == 3.5


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    assert Notice(snapshot=EMPTY, synced=True, contacts={"pods": 100.0}).age(99.0) == 0.0
