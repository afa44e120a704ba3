"""The use of GPUs by the simulated pods: utilization and memory."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from lens_sim.cluster.pods import Pod
from lens_sim.node.nvml.scenario import Series, Wave

_GIB = 2**30
_MEMORY_SLICES = 8  # of which the smallest MIG device has one
_IDLERS = 0.08  # the share of pods that hold GPUs and do nothing with them


class Activity(NamedTuple):
    """Of one GPU: percent of the time that it is busy, and bytes in use."""

    utilization: Series
    memory: Series


IDLE = Activity(0.0, 0.0)


def together(acts: Sequence[Activity]) -> Activity:
    """Return the sum for the pods that share a GPU."""
    if len(acts) < 2:
        return acts[0] if acts else IDLE
    period = next((act.utilization.period for act in acts if isinstance(act.utilization, Wave)), 60.0)
    low, high = (sum(bounds(act.utilization)[end] for act in acts) for end in (0, 1))
    return Activity(Wave(low, high, period), sum(bounds(act.memory)[1] for act in acts))


def bounds(series: Series) -> tuple[float, float]:
    """Return its minimum and maximum."""
    if isinstance(series, Wave):
        return series.low, series.high
    assert isinstance(series, float)
    return series, series


def activity(pod: Pod) -> dict[str, Activity]:
    """Return a pod's use of each of its containers' devices.

    It follows from the pod's name: what trains (Job, PyTorchJob) is busy, what serves (Deployment) swings
    with its requests, a notebook (bare pod) mostly waits for a person, and some pods are just forgotten.
    """
    if pod.phase != "Running":
        return {}
    chance = random.Random(pod.key)  # noqa: S311 - a pod always does the same
    idler = chance.random() < _IDLERS
    period = chance.uniform(30, 90)
    shares = pod.shape.devices(pod.devices)
    doing = {
        device: _of(pod, chance, period, idler=idler) for devices in shares.values() for device in devices
    }
    turns, parts = _shares(pod)
    if parts == 1:
        return doing
    return {
        device: Activity(_scaled(act.utilization, turns), _scaled(act.memory, parts))
        for device, act in doing.items()
    }


def _shares(pod: Pod) -> tuple[int, int]:
    """Return among how many a pod's GPUs are shared: their time, and their memory."""
    if pod.claim is not None:
        users = len(pod.claim.reserved_for)
        return users, users
    assert pod.node is not None
    if pod.shape.requests.mig_devices:
        # The partition is as busy as a GPU of its own would be.
        return 1, _MEMORY_SLICES
    return pod.node.pool.parts, pod.node.pool.parts


def _scaled(series: Series, parts: int) -> Series:
    low, high = bounds(series)
    if not isinstance(series, Wave):
        return low / parts
    return Wave(round(low / parts, 1), round(high / parts, 1), series.period)


def _of(pod: Pod, chance: random.Random, period: float, *, idler: bool) -> Activity:
    def some(low: float, high: float) -> float:
        return round(chance.uniform(low, high), 1)

    period = round(period, 1)
    if idler:
        return Activity(0.0, some(1, 3) * _GIB)
    if pod.owner is None:
        return Activity(Wave(0.0, some(5, 15), period), some(4, 20) * _GIB)
    if pod.owner.kind == "ReplicaSet":
        return Activity(Wave(some(20, 28), some(48, 60), period), some(40, 65) * _GIB)
    reached = some(60, 70)
    memory = Wave((reached - some(2, 8)) * _GIB, reached * _GIB, period)
    return Activity(Wave(some(85, 90), some(94, 98), period), memory)
