"""What a pod asks for is said for each of the ways in which it may ask for GPUs."""

from typing import Any

import pytest

from lens_client.views.asked import asked


def _task(**more: Any) -> dict[str, Any]:
    return {"requested_gpus": 0, "resources": {}, **more}


def _claim(gpus: int | None, reason: str | None = "NOT_ALLOCATED") -> dict[str, Any]:
    return {"gpus": gpus, "reason": reason}


def _fraction(portion: float | None, memory: int | None = None, devices: int = 1) -> dict[str, Any]:
    return {"portion": portion, "memory_mib": memory, "devices": devices}


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (_task(resources={"nvidia.com/gpu": 8}), "8 nvidia.com/gpu"),
        (_task(claims=[_claim(1), _claim(2)]), "3 GPUs by claim"),
        (_task(claims=[_claim(1), _claim(None)]), "all GPUs by claim"),
        (_task(claims=[_claim(2), _claim(None, "NOT_RESERVED")]), "GPUs by claim"),
        (
            _task(resources={"nvidia.com/mig-1g.10gb": 1}, claims=[_claim(1)]),
            "1 nvidia.com/mig-1g.10gb and 1 GPU by claim",
        ),
        (_task(requested_gpus=1, fraction=_fraction(0.5)), "0.5 of a GPU"),
        (_task(requested_gpus=2, fraction=_fraction(None, 2048, 2)), "2048 MiB of each of 2 GPUs"),
        (_task(fraction=_fraction(None)), "a part of a GPU"),
        (_task(requested_gpus=1), "1 GPU"),
    ],
)
def test_what_a_pod_asks_for_is_said_in_words(task: dict[str, Any], said: str) -> None:
    assert asked(task) == said
