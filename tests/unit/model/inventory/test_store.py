"""What comes late, twice or in pieces leaves exactly what is there."""

import pytest

from lens.model.inventory.store import Feed


class Store:
    """What a feed files into, and how often."""

    def __init__(self) -> None:
        self.filed: dict[str, str] = {}
        self.writes: list[tuple[str, str | None]] = []
        self.feed = Feed(self.filed, self.file)

    def file(self, key: str, view: str | None) -> None:
        self.writes.append((key, view))
        if view is None:
            self.filed.pop(key, None)
        else:
            self.filed[key] = view


@pytest.fixture
def store() -> Store:
    """Return a store that has listed a, b and c at 10."""
    store = Store()
    store.feed.page({"a": "1", "b": "1", "c": "1"}, 10, first=True, last=True)
    store.writes.clear()
    return store


def test_nothing_is_known_before_the_first_list_is_complete() -> None:
    store = Store()
    synced = [store.feed.synced]
    assert store.feed.page({"a": "1"}, 10, first=True, last=False) is None
    synced.append(store.feed.synced)
    assert store.filed == {}
    assert store.feed.page({"b": "1", "ignored": None}, 10, first=False, last=True) == {"a": "1", "b": "1"}
    synced.append(store.feed.synced)
    assert synced == [False, False, True]
    assert store.filed == {"a": "1", "b": "1"}
    assert store.feed.mark == 10


def test_an_empty_list_is_a_list(store: Store) -> None:
    assert store.feed.page({}, 11, first=True, last=True) == {"a": None, "b": None, "c": None}
    assert store.filed == {}
    assert store.feed.synced


def test_a_list_files_its_difference_and_no_more(store: Store) -> None:
    difference = store.feed.page({"a": "1", "b": "2", "d": "1", "c": None}, 20, first=True, last=True)
    assert difference == {"b": "2", "c": None, "d": "1"}
    assert sorted(store.writes) == [("b", "2"), ("c", None), ("d", "1")]
    assert store.filed == {"a": "1", "b": "2", "d": "1"}


def test_a_list_that_breaks_off_never_was(store: Store) -> None:
    store.feed.page({"a": "9", "z": "9"}, 20, first=True, last=False)
    assert store.writes == []
    assert store.feed.mark == 10
    assert store.feed.line("a", "2", 15)
    store.feed.page({"b": "1"}, 21, first=True, last=False)
    store.feed.page({"c": "1"}, 21, first=False, last=True)
    assert store.filed == {"b": "1", "c": "1"}


def test_lines_are_filed_in_order(store: Store) -> None:
    assert store.feed.line("a", "2", 11)
    assert store.feed.line("d", "1", 12)
    assert store.feed.line("b", None, 13)
    assert store.filed == {"a": "2", "c": "1", "d": "1"}
    assert store.feed.mark == 13


@pytest.mark.parametrize("version", [9, 10])
def test_a_line_from_before_the_list_is_old_news(store: Store, version: int) -> None:
    assert not store.feed.line("a", "0", version)
    assert not store.feed.line("b", None, version)
    assert store.writes == []


def test_what_was_deleted_is_not_brought_back_by_a_late_line(store: Store) -> None:
    assert store.feed.line("a", None, 14)
    assert not store.feed.line("a", "2", 13)
    assert "a" not in store.filed


def test_a_line_without_a_visible_change_moves_the_mark_only(store: Store) -> None:
    assert not store.feed.line("a", "1", 11)
    assert not store.feed.line("never there", None, 12)
    assert store.writes == []
    assert store.feed.mark == 12
    assert not store.feed.line("a", "2", 12)


def test_a_bookmark_moves_the_mark_forward_only(store: Store) -> None:
    store.feed.bookmark(15)
    assert not store.feed.line("a", "2", 15)
    store.feed.bookmark(3)
    assert store.feed.mark == 15
    assert store.feed.line("a", "2", 16)


def test_after_a_list_from_below_the_new_history_counts(store: Store) -> None:
    # An etcd that was restored from a backup counts on from there.
    store.feed.page({"a": "1"}, 4, first=True, last=True)
    assert store.filed == {"a": "1"}
    assert store.feed.line("a", "5", 5)
    assert store.filed == {"a": "5"}
