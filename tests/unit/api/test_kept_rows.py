"""What streams keep for a while takes no more memory than it has to."""

import tracemalloc

import msgspec

from lens.api.stream.diff import EncodedRow, encoded_row

ROWS = 1000
SHARE = 1.4
"""A row with its two objects is some 1.2 of its JSON, and was 1.6 in the buffer that it was encoded in."""


def test_a_kept_row_is_no_larger_than_its_json() -> None:
    row = {
        "pod_name": "job-374297",
        "workload_reason": None,
        "gpu_uuids": ["x" * 40] * 10,
        "allocated_gpus": 8,
    }
    kept: list[EncodedRow] = []
    tracemalloc.start()
    for _ in range(ROWS):
        kept.append(encoded_row(row))  # noqa: PERF401 - a list that grows is less than one row
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert bytes(kept[0]) == msgspec.json.encode(row)
    assert taken < SHARE * sum(len(bytes(each)) for each in kept)
