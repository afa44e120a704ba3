"""The pods for which KAI-Scheduler's reservation pods hold their GPUs.

A reservation pod is in KAI's own namespace, and holds a whole GPU of the device plugin's. The pods on the
same node that are in its GPU group share that GPU: these are the tasks, and the reservation is none.

Source: kai-scheduler/KAI-Scheduler, pkg/binder/binding/resourcereservation.
"""

from collections.abc import Mapping, Sequence

import msgspec

from lens.model.inventory.objects.fraction import Fraction
from lens.model.inventory.objects.pod import Pod


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """A reservation pod, and the pods that it holds its GPU for, by ``namespace/name``."""

    pod: Pod
    tasks: tuple[str, ...]


def with_reservations(pods: tuple[Pod, ...]) -> tuple[tuple[Pod, ...], tuple[Reservation, ...]]:
    """Return the tasks among the pods on a node, and the reservations.

    A task with a fraction has the GPUs that are reserved for it.
    """
    if not any([pod.reserves or pod.fraction for pod in pods]):  # noqa: C419
        return pods, ()
    by_group: dict[str, list[Pod]] = {}
    for pod in pods:
        for group in pod.reserves:
            by_group.setdefault(group, []).append(pod)
    found: dict[str, list[Pod]] = {}
    tasks: dict[str, list[str]] = {}
    for pod in pods:
        if pod.fraction is not None:
            own = {each.path: each for group in pod.fraction.groups for each in by_group.get(group, ())}
            found[pod.path] = list(own.values())
            for path in own:
                tasks.setdefault(path, []).append(pod.path)
    return (
        tuple(
            pod if pod.fraction is None else _reserved(pod, pod.fraction, found[pod.path], tasks)
            for pod in pods
            if not pod.reserves
        ),
        tuple(Reservation(pod, tuple(tasks.get(pod.path, ()))) for pod in pods if pod.reserves),
    )


def _reserved(
    pod: Pod, fraction: Fraction, reserving: Sequence[Pod], tasks: Mapping[str, Sequence[str]]
) -> Pod:
    return msgspec.structs.replace(
        pod,
        claimed_gpus=pod.claimed_gpus + sum(each.gpus for each in reserving),
        fraction=msgspec.structs.replace(
            fraction,
            reservations=tuple(each.key for each in reserving),
            shared=any(len(tasks[each.path]) > 1 for each in reserving),
        ),
    )
