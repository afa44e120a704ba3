"""What is nested too deep is cut away, and nothing else."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.inventory.decoding.kinds import claim_decoder
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.json_depth import DEEPEST, flattened
from tests.pace import slowdown

LEAVES = st.none() | st.booleans() | st.integers() | st.text('{}[]"\\ \n\u00e9x', max_size=6)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('{}[]"\\k', max_size=3), inner, max_size=3)
    ),
)


def nested(levels: int, innermost: object) -> Any:
    """Return something inside so many levels of lists and objects by turns."""
    for level in range(levels):
        innermost = [1, innermost, 2] if level % 2 else {"a": 1, "deeper": innermost, "z": [2]}
    return innermost


@given(DOCUMENTS)
def test_an_ordinary_document_stays_as_it_is(document: object) -> None:
    for written in (json.dumps(document).encode(), json.dumps(document, ensure_ascii=False).encode()):
        assert flattened(written) == written


@given(DOCUMENTS, st.integers(DEEPEST - 2, DEEPEST + 5))
def test_below_the_deepest_level_is_null(document: object, levels: int) -> None:
    flat = json.loads(flattened(json.dumps(nested(levels, document)).encode()))

    def cut(part: object, depth: int) -> object:
        if isinstance(part, dict | list) and depth == 0:
            return None
        if isinstance(part, dict):
            return {key: cut(value, depth - 1) for key, value in part.items()}
        if isinstance(part, list):
            return [cut(each, depth - 1) for each in part]
        return part

    assert flat == cut(nested(levels, document), DEEPEST)


@pytest.mark.parametrize("broken", [b"[" * 5000, b"]" * 5000, b'{"a":' * 5000, b'"', b'"\\', b"[[}}", b""])
def test_a_document_that_is_none_stays_none(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json.loads(flattened(broken))


@pytest.mark.parametrize(
    "piece", [rb"\"", b'"', rb"\\", rb"a\"{", b"[", b"]", b"[]", b'{"a":', b'["', b"\xff"], ids=repr
)
def test_whatever_a_document_is_made_of_a_megabyte_of_it_takes_no_more_than_a_moment(piece: bytes) -> None:
    """An unterminated string with escaped quotes took 53 s for 160 KB."""
    for start in (b"", b'"', b'{"a":"'):
        document = start + piece * (2**20 // len(piece))
        began = time.process_time()
        flattened(document)
        assert time.process_time() - began < 3 * slowdown()


def test_a_claims_parameters_may_be_nested_as_deep_as_they_like() -> None:
    decoder = claim_decoder(GpuDrivers())
    for depth in range(700, 1100):
        claim = f"""{{
            "metadata": {{"name": "a", "namespace": "b", "resourceVersion": "1"}}, "spec": {{"devices": {{
            "requests": [{{"name": "gpu", "exactly": {{"deviceClassName": "gpu.nvidia.com", "count": 2}}}}],
            "config": [{{"opaque": {{"driver": "d", "parameters": {"[" * depth + "]" * depth}}}}}]}}}}}}"""
        reading = decoder.read(claim.encode())
        assert reading.value is not None
        assert [each.name for each in reading.value.requests] == ["gpu"]
        line = decoder.read_watch_line(f'{{"type": "ADDED", "object": {claim}}}'.encode())
        if isinstance(line, tuple):
            assert line[1].value == reading.value
        else:
            assert decoder.read(line.object).value == reading.value
