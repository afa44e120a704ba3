"""Nobody is paged for a program's fault, and somebody is for a GPU's."""

import pytest

from lens.agent.events import XidLog
from lens.agent.xids import CATALOGUE, classify
from tests.unit.agent.gpus import NOW

BY_SEVERITY = {
    "critical": {46, 62, 64, 79, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158},
    "workflow": {48, 74, *range(144, 151)},
    "warning": {63, 92, 94},
    "application": {8, 11, 13, 25, 31, 32, 39, 40, 41, 43, 45, 68, 69},
    "recovery": {154},
}


@pytest.mark.parametrize("severity", BY_SEVERITY)
def test_the_catalogue_sorts_errors_as_nvidia_does(severity: str) -> None:
    assert {number for number, (each, _) in CATALOGUE.items() if each == severity} == BY_SEVERITY[severity]


def test_an_error_that_the_catalogue_does_not_have_is_shown_all_the_same() -> None:
    assert classify(999, alone=True) == ("unlisted", "not in the catalogue")


def test_a_cleanup_beside_another_error_is_the_programs_and_alone_it_is_not() -> None:
    log = XidLog()
    log.note(0, 45, NOW, None)
    assert [each.severity for each in log.of(0)] == ["workflow"]
    log.note(0, 31, NOW + 29, None)
    assert [(each.xid, each.severity) for each in log.of(0)] == [(31, "application"), (45, "application")]
    log.note(0, 45, NOW + 100, None)
    assert [(each.xid, each.severity) for each in log.of(0)] == [(45, "workflow"), (31, "application")]


def test_another_gpus_error_is_no_company() -> None:
    log = XidLog()
    log.note(0, 45, NOW, None)
    log.note(1, 79, NOW, None)
    assert [each.severity for each in log.of(0)] == ["workflow"]


def test_a_program_that_fails_for_ever_takes_one_place_and_is_counted() -> None:
    log = XidLog()
    for second in range(1000):
        log.note(0, 13, NOW + second, 7 if second == 999 else None)
    [only] = log.of(0)
    assert (only.count, only.first_at, only.last_at, only.instance) == (1000, NOW, NOW + 999, 7)


def test_the_latest_error_comes_first_and_the_oldest_gives_way() -> None:
    log = XidLog()
    for number in range(100):
        log.note(0, number, NOW + number, None)
    numbers = [each.xid for each in log.of(0)]
    assert numbers == list(range(99, 35, -1))
