"""What `make chaos` holds against what clients saw: each wrong answer that it is there to find is found."""

from dataclasses import replace

from tests.chaos.churn import Written
from tests.chaos.clients import Listed, Streamed, apply
from tests.chaos.history import GRANTED_S, wrong_answers, wrong_shows, wrong_streams
from tests.chaos.tenant import OWN, Revoked, Shown

LOG = {
    "old": Written("old", 101),
    "gone": Written("gone", 101, 102, 103),
    "unsure": Written("unsure"),
    "leaving": Written("leaving", 101, 119),
}
RIGHT = Listed(0, sent=120, came=121, current_at=120, names=("old",))


def wrong(**changed: object) -> list[str]:
    return list(wrong_answers([replace(RIGHT, **changed)], LOG, 2))  # type: ignore[arg-type]


def test_an_answer_may_lack_or_show_what_is_under_way() -> None:
    assert wrong() == []
    assert wrong(names=("old", "unsure", "leaving")) == []


def test_a_pod_that_is_missing_or_still_there_is_found() -> None:
    assert wrong(names=()) == ["replica 0, asked at 120.00: old is missing, 19.0 s after it came"]
    assert wrong(names=("old", "gone")) == ["replica 0, asked at 120.00: gone is there, 17.0 s after it went"]


def test_an_answer_is_as_old_as_it_says() -> None:
    assert wrong(names=(), current_at=102.5) == []
    assert len(wrong(names=(), current_at=103.5)) == 1
    # One that says that it is of the future is held against when it was asked for.
    assert len(wrong(names=(), current_at=10**6)) == 1


def test_a_pod_twice_is_found() -> None:
    assert wrong(names=("old", "old")) == ["replica 0, asked at 120.00: old 2 times"]


def rows(*names: str) -> list[dict[str, str]]:
    return [{"pod_name": name, "pod_uid": f"uid-{name}"} for name in names]


Event = tuple[str, str, dict[str, object]]


def streamed(*events: Event) -> Streamed:
    stream = Streamed(0)
    for event, id_, data in events:
        apply(stream, event, id_, data)
    return stream


SNAPSHOT: Event = ("snapshot", "a-5", {"tasks": rows("one", "two")})


def change(number: int, changed: tuple[str, ...] = (), gone: tuple[str, ...] = ()) -> Event:
    return ("change", f"a-{number}", {"tasks": {"changed": rows(*changed), "gone": rows(*gone)}})


def test_changes_add_up() -> None:
    stream = streamed(SNAPSHOT, change(6, changed=("three",)), change(8, gone=("one",)))
    assert list(wrong_streams([stream], ["two", "three"])) == []
    assert list(wrong_streams([stream], ["two", "four"])) == [
        "stream of replica 0: four is missing",
        "stream of replica 0: three is left over",
    ]


def test_a_sequence_that_goes_back_is_found() -> None:
    assert len(streamed(SNAPSHOT, change(6), change(6)).problems) == 1
    assert len(streamed(SNAPSHOT, change(6), SNAPSHOT).problems) == 1
    assert streamed(SNAPSHOT, SNAPSHOT, ("snapshot", "b-1", {"tasks": []})).problems == []


def test_what_goes_without_having_been_there_is_found() -> None:
    assert len(streamed(SNAPSHOT, change(6, gone=("three",))).problems) == 1


def shows(what: str = OWN, sent: float = 200, namespaces: tuple[str, ...] = ("chaos",)) -> list[str]:
    shown = Shown(what, sent, sent + 1, frozenset(namespaces))
    return list(wrong_shows([shown], [Revoked(100, 180), Revoked(190, 300), Revoked(400)]))


def test_what_a_right_covers_may_be_shown() -> None:
    assert shows(sent=50) == shows(sent=185) == shows(sent=350) == []
    # A granted review is good for a while, and may be renewed as the right comes back.
    assert shows(sent=200) == shows(sent=299.5) == []


def test_what_no_right_covers_is_found() -> None:
    assert len(shows(sent=190 + GRANTED_S + 1)) == 1
    assert len(shows(sent=500)) == 1
    assert len(shows("namespace=other")) == 1
    assert len(shows("")) == 1
    assert len(shows(namespaces=("chaos", "other"))) == 1
