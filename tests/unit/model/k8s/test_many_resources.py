"""Who may create a pod names resources of any number in it, and each change of it is read anew."""

import time
from collections.abc import Callable

import msgspec
import pytest

from lens.model.inventory.decoding.kinds import pod_decoder
from lens.model.k8s.gpu_resources import GpuResources
from tests.pace import slowdown

SLOWEST = 6
"""Times as long as decoding the same bytes into dictionaries; each of these takes less than three."""


def pod(*limits: dict[str, str]) -> bytes:
    containers = [{"name": f"c{number}", "resources": {"limits": each}} for number, each in enumerate(limits)]
    metadata = {"name": "a", "namespace": "b", "resourceVersion": "1"}
    return msgspec.json.encode({"metadata": metadata, "spec": {"containers": containers}})


def seconds(task: Callable[[], object]) -> float:
    """Return the least that it took of three times."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        task()
        took.append(time.thread_time() - began)
    return min(took)


@pytest.mark.parametrize(
    "raw",
    [
        pod({f"example.com/a{number}": "1" for number in range(40_000)}),
        pod({f"nvidia.com/mig-{number}": "1" for number in range(40_000)}),
        pod({f"nvidia.com/mig-{number}": "0" for number in range(40_000)}),
        pod(*({"nvidia.com/gpu": str(number)} for number in range(20_000))),
    ],
    ids=["no GPUs", "GPUs", "no units", "numbers"],
)
def test_no_number_of_resources_takes_long_to_read(raw: bytes) -> None:
    decoder = pod_decoder(GpuResources())
    assert seconds(lambda: decoder.read(raw)) < slowdown() * SLOWEST * seconds(
        lambda: msgspec.json.decode(raw)
    )
