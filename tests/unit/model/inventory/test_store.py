"""What comes late, twice or in pieces leaves exactly what is there."""

import pytest

from lens.model.inventory.store import Store


class Kept:
    """What a store is kept in, and how often it was changed."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}
        self.writes: list[tuple[str, str | None]] = []
        self.store = Store(self.stored, self.put)

    def put(self, key: str, view: str | None) -> None:
        self.writes.append((key, view))
        if view is None:
            self.stored.pop(key, None)
        else:
            self.stored[key] = view


@pytest.fixture
def kept() -> Kept:
    """Return a store that has listed a, b and c at 10."""
    kept = Kept()
    kept.store.apply_page({"a": "1", "b": "1", "c": "1"}, 10, first=True, last=True)
    kept.writes.clear()
    return kept


def test_nothing_is_known_before_the_first_list_is_complete() -> None:
    kept = Kept()
    synced = [kept.store.synced]
    assert kept.store.apply_page({"a": "1"}, 10, first=True, last=False) is None
    synced.append(kept.store.synced)
    assert kept.stored == {}
    assert kept.store.apply_page({"b": "1", "ignored": None}, 10, first=False, last=True) == {
        "a": "1",
        "b": "1",
    }
    synced.append(kept.store.synced)
    assert synced == [False, False, True]
    assert kept.stored == {"a": "1", "b": "1"}
    assert kept.store.resource_version == 10


def test_an_empty_list_is_a_list(kept: Kept) -> None:
    assert kept.store.apply_page({}, 11, first=True, last=True) == {"a": None, "b": None, "c": None}
    assert kept.stored == {}
    assert kept.store.synced


def test_a_list_stores_only_its_differences(kept: Kept) -> None:
    difference = kept.store.apply_page({"a": "1", "b": "2", "d": "1", "c": None}, 20, first=True, last=True)
    assert difference == {"b": "2", "c": None, "d": "1"}
    assert sorted(kept.writes) == [("b", "2"), ("c", None), ("d", "1")]
    assert kept.stored == {"a": "1", "b": "2", "d": "1"}


def test_an_unfinished_list_has_no_effect(kept: Kept) -> None:
    kept.store.apply_page({"a": "9", "z": "9"}, 20, first=True, last=False)
    assert kept.writes == []
    assert kept.store.resource_version == 10
    assert kept.store.apply_line("a", "2", 15)
    kept.store.apply_page({"b": "1"}, 21, first=True, last=False)
    kept.store.apply_page({"c": "1"}, 21, first=False, last=True)
    assert kept.stored == {"b": "1", "c": "1"}


def test_lines_are_stored_in_order(kept: Kept) -> None:
    assert kept.store.apply_line("a", "2", 11)
    assert kept.store.apply_line("d", "1", 12)
    assert kept.store.apply_line("b", None, 13)
    assert kept.stored == {"a": "2", "c": "1", "d": "1"}
    assert kept.store.resource_version == 13


@pytest.mark.parametrize("version", [9, 10])
def test_a_line_from_before_the_list_is_ignored(kept: Kept, version: int) -> None:
    assert not kept.store.apply_line("a", "0", version)
    assert not kept.store.apply_line("b", None, version)
    assert kept.writes == []


def test_a_late_line_restores_no_deleted_object(kept: Kept) -> None:
    assert kept.store.apply_line("a", None, 14)
    assert not kept.store.apply_line("a", "2", 13)
    assert "a" not in kept.stored


def test_a_line_without_a_visible_change_only_raises_the_version(kept: Kept) -> None:
    assert not kept.store.apply_line("a", "1", 11)
    assert not kept.store.apply_line("never there", None, 12)
    assert kept.writes == []
    assert kept.store.resource_version == 12
    assert not kept.store.apply_line("a", "2", 12)


def test_a_change_that_nothing_shows_is_stored() -> None:
    stored: dict[str, str] = {}

    def put(key: str, view: str | None) -> bool:
        assert view is not None
        stored[key] = view
        return False

    store = Store(stored, put)
    store.apply_page({"a": "1"}, 10, first=True, last=True)
    assert not store.apply_line("a", "2", 11)
    assert (stored, store.resource_version) == ({"a": "2"}, 11)


def test_a_bookmark_never_lowers_the_version(kept: Kept) -> None:
    kept.store.bookmark(15)
    assert not kept.store.apply_line("a", "2", 15)
    kept.store.bookmark(3)
    assert kept.store.resource_version == 15
    assert kept.store.apply_line("a", "2", 16)


def test_after_a_list_with_a_lower_version_its_history_counts(kept: Kept) -> None:
    # An etcd that was restored from a backup counts on from there.
    kept.store.apply_page({"a": "1"}, 4, first=True, last=True)
    assert kept.stored == {"a": "1"}
    assert kept.store.apply_line("a", "5", 5)
    assert kept.stored == {"a": "5"}


def test_what_is_cleared_is_unknown_until_the_next_list_is_complete(kept: Kept) -> None:
    kept.store.clear()
    assert kept.stored == {}
    assert not kept.store.synced
    kept.store.apply_page({"a": "1"}, 12, first=True, last=True)
    assert kept.stored == {"a": "1"}
    assert kept.store.synced


def test_a_list_that_goes_on_while_all_is_cleared_is_applied_whole(kept: Kept) -> None:
    kept.store.apply_page({"a": "2"}, 12, first=True, last=False)
    kept.store.clear()
    kept.store.apply_page({"b": "2"}, 12, first=False, last=True)
    assert kept.stored == {"a": "2", "b": "2"}
