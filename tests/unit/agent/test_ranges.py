"""A value of the driver's that no report may have costs itself, and not the node's whole report."""

import msgspec
import pytest

from lens.agent.gpu.nvml import OUT_OF_RANGE, Reading
from lens.agent.gpu.processes import LONGEST_CGROUP, NO_POD, place
from lens.agent.gpu.utilization import window
from lens.model.gpu.node_report import MOST_COUNT, MOST_SECONDS, Count, Seconds


@pytest.mark.parametrize("value", [2**64 - 1, MOST_COUNT + 1, -1, float("nan"), float("inf")])
def test_a_number_out_of_range_is_unknown_with_its_reason(value: float) -> None:
    reading = Reading()
    assert reading.checked("memory_used_bytes", value, MOST_COUNT) is None
    assert reading.reasons == {"memory_used_bytes": OUT_OF_RANGE}


def test_a_number_in_range_is_what_a_report_takes() -> None:
    reading = Reading()
    assert msgspec.convert(reading.checked("memory_used_bytes", MOST_COUNT, MOST_COUNT), Count) == MOST_COUNT
    assert reading.reasons == {}


def test_a_timestamp_of_garbage_makes_no_window_that_a_report_refuses() -> None:
    found = window([(2**64 - 1, 50), (2**70, 50)], seen=1)
    assert found is not None
    assert msgspec.convert(found.seconds, Seconds) == MOST_SECONDS


def test_a_cgroup_is_found_in_what_is_read_of_the_longest_paths() -> None:
    pod = "pod0a1b2c3d-0000-4000-8000-00000000000a"
    lines = "".join(f"{each}:c{each}:/{'x' * 4000}\n" for each in range(12))
    assert len(lines) < LONGEST_CGROUP
    assert place(f"{lines}0::/kubepods-{pod}.slice\n").pod_uid == pod.removeprefix("pod")
    assert place("0" * LONGEST_CGROUP) == NO_POD
