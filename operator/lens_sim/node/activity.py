"""What the simulated pods do on their GPUs: how busy they keep each, and what they have in its memory."""

import random
from typing import NamedTuple

from lens_sim.cluster.pods import Pod
from lens_sim.node.nvml.scenario import Series, Wave

_GIB = 2**30
_IDLERS = 0.08  # the share of pods that hold GPUs and do nothing with them


class Activity(NamedTuple):
    """Of one GPU: percent of the time that it is busy, and bytes in use."""

    utilization: Series
    memory: Series


IDLE = Activity(0.0, 0.0)


def activity(pod: Pod) -> dict[str, Activity]:
    """Return what a pod does on each of the devices that its containers have.

    It follows from the pod's name: what trains (Job, PyTorchJob) is busy, what serves (Deployment) swings
    with its requests, a notebook (bare pod) mostly waits for a person, and some pods are just forgotten.
    """
    if pod.phase != "Running":
        return {}
    chance = random.Random(pod.key)  # noqa: S311 - a pod always does the same
    idler = chance.random() < _IDLERS
    period = chance.uniform(30, 90)
    shares = pod.shape.devices(pod.devices)
    return {
        device: _of(pod, chance, period, idler=idler) for devices in shares.values() for device in devices
    }


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
