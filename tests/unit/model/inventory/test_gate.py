"""Objects are in the ledger exactly while their gate is open."""

from lens.model.inventory.gate import Gate


def test_objects_come_and_go_with_the_gate() -> None:
    stored: dict[str, int | None] = {}
    gate: Gate[str, int] = Gate(stored.__setitem__)
    gate.put("a", 1)
    gate.put("b", 2)
    gate.put("b", None)
    assert stored == {}
    gate.set_open(True)
    assert stored == {"a": 1}
    gate.put("c", 3)
    gate.put("a", None)
    assert stored == {"a": None, "c": 3}
    gate.set_open(False)
    gate.put("d", 4)
    assert stored == {"a": None, "c": None}
    gate.set_open(True)
    assert stored == {"a": None, "c": 3, "d": 4}
    assert gate.objects == {"c": 3, "d": 4}


def test_an_open_gate_that_is_opened_writes_nothing() -> None:
    writes: list[tuple[str, int | None]] = []
    gate: Gate[str, int] = Gate(lambda key, value: writes.append((key, value)))
    gate.set_open(True)
    gate.put("a", 1)
    gate.set_open(True)
    assert writes == [("a", 1)]


def test_nothing_shows_a_change_behind_a_closed_gate_or_one_that_is_hidden_behind_an_open_one() -> None:
    gate: Gate[str, int] = Gate(lambda _key, value: value != 2)
    shows = [gate.put("a", 1)]
    gate.set_open(True)
    shows += [gate.put("a", 2), gate.put("a", 3), gate.put("a", None)]
    assert shows == [False, False, True, True]
