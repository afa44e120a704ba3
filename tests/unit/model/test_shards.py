"""Shards are a mapping like any other, save that an old one never changes."""

import time
import tracemalloc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lens.model.shards import Shards
from tests.profiles import full_or

KEYS = st.integers(0, 60).map("node-{}".format)
CHANGES = st.dictionaries(KEYS, st.none() | st.integers(), max_size=8)


class AgainstADict(RuleBasedStateMachine):
    """Make the same changes to both."""

    def __init__(self) -> None:
        super().__init__()
        self.shards: Shards[str, int] = Shards()
        self.model: dict[str, int] = {}
        self.earlier: list[tuple[Shards[str, int], dict[str, int]]] = []

    @rule(changes=CHANGES)
    def update(self, changes: dict[str, int | None]) -> None:
        self.earlier.append((self.shards, dict(self.model)))
        self.shards = self.shards.updated(changes)
        for key, value in changes.items():
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value

    @rule(key=KEYS)
    def look_up(self, key: str) -> None:
        assert self.shards.get(key) == self.model.get(key)
        assert (key in self.shards) == (key in self.model)
        if key not in self.model:
            with pytest.raises(KeyError):
                self.shards[key]

    @invariant()
    def they_are_the_same(self) -> None:
        assert self.shards == self.model
        assert len(self.shards) == len(self.model)
        assert sorted(self.shards) == sorted(self.model)

    @invariant()
    def the_earlier_ones_are_as_they_were(self) -> None:
        for shards, model in self.earlier[-3:]:
            assert dict(shards) == model
            assert len(shards) == len(model)


TestShards = AgainstADict.TestCase
TestShards.settings = settings(max_examples=full_or(15, 40), stateful_step_count=full_or(10, 20))


def test_unchanged_values_stay_the_same_object() -> None:
    values = {f"node-{i}": object() for i in range(1000)}
    before = Shards[str, object]().updated(values)
    after = before.updated({"node-1": object(), "node-2": None})
    assert all(after[name] is value for name, value in values.items() if name not in ("node-1", "node-2"))
    assert len(after) == 999


def test_keys_that_came_and_went_take_no_memory() -> None:
    shards = Shards[str, int]()
    tracemalloc.start()
    for number in range(100):
        keys = [f"pod-{number}-{each}" for each in range(200)]
        shards = shards.updated(dict.fromkeys(keys, 1)).updated(dict.fromkeys(keys))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not shards
    assert kept < 1_000_000


def test_differences_are_found_by_identity() -> None:
    kept, replaced, equal = [1], [2], [3]
    before = Shards[str, list[int]]().updated(
        {"kept": kept, "replaced": replaced, "equal": equal, "gone": [4]}
    )
    after = before.updated({"replaced": [5], "equal": list(equal), "gone": None, "new": [6], "kept": kept})
    assert sorted(after.differing(before)) == ["equal", "gone", "new", "replaced"]
    assert sorted(before.differing(after)) == ["equal", "gone", "new", "replaced"]
    assert list(after.differing(after)) == []


class Counted(str):
    """A key that counts how often any of them is looked up."""

    hashed = 0

    def __hash__(self) -> int:
        Counted.hashed += 1
        return super().__hash__()


@pytest.mark.parametrize("count", [1_000, 100_000])
def test_a_change_looks_at_few_entries_of_a_mapping_of_any_size(count: int) -> None:
    keys = [Counted(f"node-{number}") for number in range(count)]
    before = Shards[str, int]().updated(dict.fromkeys(keys, 0))
    Counted.hashed = 0
    after = before.updated(dict.fromkeys(keys[:10], 1))
    assert sorted(after.differing(before)) == sorted(keys[:10])
    assert Counted.hashed < 3_000


def test_going_through_few_entries_takes_a_small_part_of_what_many_take() -> None:
    def fastest(count: int) -> float:
        shards = Shards[str, int]().updated({f"node-{number}": number for number in range(count)})
        taken = []
        for _ in range(20):
            began = time.thread_time()
            assert sum(1 for _ in shards) == count
            taken.append(time.thread_time() - began)
        return min(taken)

    assert fastest(10) < fastest(20_000) / 10
