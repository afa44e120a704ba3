"""Groups are sets by group, whatever their size."""

from hypothesis import given
from hypothesis import strategies as st

from lens.model.groups import MAX_IN_TUPLE, Groups

CHANGES = st.tuples(st.booleans(), st.integers(0, 1), st.integers(0, MAX_IN_TUPLE + 3))


@given(st.lists(CHANGES, max_size=60))
def test_groups_are_sets_in_the_order_in_which_members_came(changes: list[tuple[bool, int, int]]) -> None:
    groups, expected = Groups[int, int](), dict[int, dict[int, None]]()
    for adds, group, member in changes:
        if adds:
            groups.add(group, member)
            expected.setdefault(group, {})[member] = None
        else:
            groups.discard(group, member)
            expected.get(group, {}).pop(member, None)
        expected = {each: members for each, members in expected.items() if members}
        assert {each: list(groups.of(each)) for each in groups} == {
            each: list(members) for each, members in expected.items()
        }
        assert (group in groups) == (group in expected)
        assert list(groups.of(group)) == list(expected.get(group, ()))


def test_a_change_of_a_large_group_does_not_depend_on_its_size() -> None:
    groups = Groups[str, int]()
    for member in range(100_000):
        groups.add("pool", member)
    for member in range(99_990):
        groups.discard("pool", member)
    assert list(groups.of("pool")) == list(range(99_990, 100_000))
