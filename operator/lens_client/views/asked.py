"""What a pod that waits asks for, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

UNALLOCATED = ("NOT_ALLOCATED", "NO_DEVICE_CLASS")
"""Why a claim isn't ready that tells what it asks for: without a number, for all that there are."""


def asked(task: Mapping[str, Any]) -> str:
    """Return what a pod asks for by resources, by claims and by annotations for KAI-Scheduler."""
    parts = [f"{number} {name}" for name, number in (task["resources"] or {}).items()]
    return " and ".join([*parts, *_by_claims(task), *_fraction(task)]) or gpus(task["requested_gpus"])


def _by_claims(task: Mapping[str, Any]) -> Iterator[str]:
    claims = task.get("claims") or ()
    if not claims:
        return
    if any(each["gpus"] is None and each["reason"] in UNALLOCATED for each in claims):
        yield "all GPUs by claim"
    elif any(each["gpus"] is None for each in claims):
        yield "GPUs by claim"
    else:
        yield f"{gpus(sum(each['gpus'] for each in claims))} by claim"


def _fraction(task: Mapping[str, Any]) -> Iterator[str]:
    fraction = task.get("fraction")
    if fraction is not None:
        portion, memory, devices = (fraction[field] for field in ("portion", "memory_mib", "devices"))
        part = f"{portion:g}" if portion is not None else "a part" if memory is None else f"{memory} MiB"
        yield f"{part} of {'a GPU' if devices <= 1 else f'each of {devices} GPUs'}"


def gpus(number: int) -> str:
    """Return a number of GPUs: ``1 GPU``, ``2 GPUs``."""
    return f"{number} GPU" if number == 1 else f"{number} GPUs"
