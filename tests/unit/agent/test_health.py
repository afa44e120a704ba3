"""A GPU is called sick for what NVIDIA calls sick, and only for that."""

from typing import Any

import msgspec
import pytest

from lens.agent.gpu.gpu_reader import unreadable_gpu
from lens.agent.gpu.health import driver_state, gpu_health
from lens.model.gpu.node_report import Driver, Gpu
from tests.unit.agent.gpus import NOW, UUID, gpu, rows, xid

READY = Driver(state="ready", version="580", cuda_version="13.0")


@pytest.mark.parametrize(
    ("given", "state", "because"),
    [
        ({}, "ok", ()),
        ({"recovery_action": None}, "ok", ()),
        ({"recovery_action": "GPU_RESET"}, "critical", ("recovery action GPU_RESET",)),
        ({"remapped_rows": rows(pending=True)}, "warning", ("row remapping pending",)),
        ({"remapped_rows": rows(failed=True)}, "critical", ("row remapping failed",)),
        ({"remapped_rows": None}, "ok", ()),
        ({"xids": (xid(31, "application"),)}, "ok", ()),
        ({"xids": (xid(154, "recovery"), xid(999, "unlisted"))}, "ok", ()),
        ({"xids": (xid(94, "warning"),)}, "warning", ("XID 94",)),
        ({"xids": (xid(48, "workflow"),)}, "warning", ("XID 48",)),
        ({"xids": (xid(119, "critical"),), "recovery_action": None}, "critical", ("XID 119",)),
        ({"xids": (xid(119, "critical"),)}, "warning", ("XID 119",)),
        (
            {"xids": (xid(94, "warning"),), "recovery_action": "DRAIN_P2P"},
            "critical",
            ("recovery action DRAIN_P2P", "XID 94"),
        ),
    ],
)
def test_a_gpus_health_is_nvidias_verdict_and_where_there_is_none_the_errors(
    given: dict[str, Any], state: str, because: tuple[str, ...]
) -> None:
    health = gpu_health(gpu(**given))
    assert (health.state, health.because) == (state, because)


def test_a_gpu_that_fell_off_the_bus_is_lost_and_one_that_may_not_be_asked_is_unknown() -> None:
    assert gpu_health(unreadable_gpu(0, "GPU_IS_LOST", NOW, {"uuid": UUID})).state == "lost"
    unasked = gpu_health(unreadable_gpu(0, "NO_PERMISSION", NOW, {}))
    assert (unasked.state, unasked.because) == ("unknown", ("NO_PERMISSION",))


@pytest.mark.parametrize(
    ("reasons", "state", "because"),
    [
        (("UNKNOWN", "NOT_SUPPORTED"), "lost", ("UNKNOWN",)),
        (("UNKNOWN", "NO_PERMISSION"), "unknown", ("NO_PERMISSION", "UNKNOWN")),
        (("ERROR_777",), "lost", ("ERROR_777",)),
        (("NOT_SUPPORTED",), "unknown", ("NOT_SUPPORTED",)),
        (("UNREADABLE",), "unknown", ("UNREADABLE",)),
        (("LIB_RM_VERSION_MISMATCH",), "unknown", ("LIB_RM_VERSION_MISMATCH",)),
    ],
)
def test_what_a_gpu_that_answers_nothing_says_decides(
    reasons: tuple[str, ...], state: str, because: tuple[str, ...]
) -> None:
    silent = unreadable_gpu(0, reasons[0], NOW, {"uuid": UUID})
    more = {f"value_{index}": reason for index, reason in enumerate(reasons)}
    health = gpu_health(msgspec.structs.replace(silent, reasons=silent.reasons | more))
    assert (health.state, health.because) == (state, because)


def lost(index: int, reason: str = "GPU_IS_LOST") -> Gpu:
    return unreadable_gpu(index, reason, NOW, {"uuid": UUID})


@pytest.mark.parametrize(
    ("count", "gpus", "reason"),
    [
        (2, [gpu(), gpu(index=1)], None),
        (2, [gpu(), lost(1)], None),
        (2, [lost(0), lost(1)], "DEVICES_LOST"),
        (2, [lost(0, "UNKNOWN"), lost(1, "UNKNOWN")], "DEVICES_LOST"),
        (1, [gpu(), gpu(index=1)], "GPU_COUNT_CHANGED"),
        (2, [gpu(), lost(1, "LIB_RM_VERSION_MISMATCH")], "LIB_RM_VERSION_MISMATCH"),
        (2, [gpu(), lost(1, "DRIVER_NOT_LOADED")], "DRIVER_NOT_LOADED"),
    ],
)
def test_only_what_takes_a_new_process_fails_the_agent(
    count: int, gpus: list[Gpu], reason: str | None
) -> None:
    state = driver_state(READY, 2, count, gpus, once_read=True)
    assert (state.state, state.reason) == ("failed" if reason else "ready", reason)
    assert (state.version, state.cuda_version) == ("580", "13.0")


def test_gpus_that_were_never_there_are_no_reason_for_a_new_process() -> None:
    assert driver_state(READY, 1, 1, [lost(0)], once_read=False).state == "ready"
    assert driver_state(READY, 0, 0, [], once_read=False).state == "ready"


def test_a_driver_that_is_back_is_ready_again() -> None:
    failed = Driver(state="failed", reason="LIB_RM_VERSION_MISMATCH", version="580")
    assert driver_state(failed, 1, 1, [gpu()], once_read=True).state == "ready"
