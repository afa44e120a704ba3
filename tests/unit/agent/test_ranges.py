"""A value of the driver's that no report may have costs itself, and not the node's whole report."""

import msgspec
import pytest

from lens.agent.gpu.nvml import OUT_OF_RANGE, NvmlQuery
from lens.agent.gpu.processes import MAX_CGROUP_BYTES, NO_OWNER, parse_cgroup
from lens.agent.gpu.utilization import mean_since
from lens.model.gpu.node_report import MAX_COUNT, MAX_SECONDS, Count, Seconds


@pytest.mark.parametrize("value", [2**64 - 1, MAX_COUNT + 1, -1, float("nan"), float("inf")])
def test_a_number_out_of_range_is_unknown_with_its_reason(value: float) -> None:
    query = NvmlQuery()
    assert query.in_bounds("memory_used_bytes", value, MAX_COUNT) is None
    assert query.reasons == {"memory_used_bytes": OUT_OF_RANGE}


def test_a_number_in_range_is_what_a_report_takes() -> None:
    query = NvmlQuery()
    assert msgspec.convert(query.in_bounds("memory_used_bytes", MAX_COUNT, MAX_COUNT), Count) == MAX_COUNT
    assert query.reasons == {}


def test_a_timestamp_of_garbage_makes_no_window_that_a_report_refuses() -> None:
    found = mean_since([(2**64 - 1, 50), (2**70, 50)], since=1)
    assert found is not None
    assert msgspec.convert(found.seconds, Seconds) == MAX_SECONDS


def test_a_cgroup_is_found_in_what_is_read_of_the_longest_paths() -> None:
    pod = "pod0a1b2c3d-0000-4000-8000-00000000000a"
    lines = "".join(f"{each}:c{each}:/{'x' * 4000}\n" for each in range(12))
    assert len(lines) < MAX_CGROUP_BYTES
    assert parse_cgroup(f"{lines}0::/kubepods-{pod}.slice\n").pod_uid == pod.removeprefix("pod")
    assert parse_cgroup("0" * MAX_CGROUP_BYTES) == NO_OWNER
