"""Nobody is paged for a program's fault, and somebody is for a GPU's."""

from lens.agent.gpu.xid_watch import XidLog
from tests.unit.agent.gpus import NOW


def test_a_cleanup_beside_another_error_is_the_programs_and_alone_it_is_not() -> None:
    log = XidLog()
    log.record(0, 45, NOW, None)
    assert [each.severity for each in log.gpu_xids(0)] == ["workflow"]
    log.record(0, 31, NOW + 29, None)
    assert [(each.xid, each.severity) for each in log.gpu_xids(0)] == [
        (31, "application"),
        (45, "application"),
    ]
    log.record(0, 45, NOW + 100, None)
    assert [(each.xid, each.severity) for each in log.gpu_xids(0)] == [(45, "workflow"), (31, "application")]


def test_another_gpus_error_is_no_company() -> None:
    log = XidLog()
    log.record(0, 45, NOW, None)
    log.record(1, 79, NOW, None)
    assert [each.severity for each in log.gpu_xids(0)] == ["workflow"]


def test_a_program_that_fails_for_ever_takes_one_place_and_is_counted() -> None:
    log = XidLog()
    for second in range(1000):
        log.record(0, 13, NOW + second, 7 if second == 999 else None)
    [only] = log.gpu_xids(0)
    assert (only.count, only.first_at, only.last_at, only.instance) == (1000, NOW, NOW + 999, 7)


def test_the_latest_error_comes_first_and_the_oldest_gives_way() -> None:
    log = XidLog()
    for number in range(100):
        log.record(0, number, NOW + number, None)
    numbers = [each.xid for each in log.gpu_xids(0)]
    assert numbers == list(range(99, 35, -1))
