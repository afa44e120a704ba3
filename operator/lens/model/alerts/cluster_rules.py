"""Alerts about the cluster as a whole, and about how well Lens knows it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lens.model.alerts.alert import AlertObject, AlertTypes, Finding, Thresholds, counted
from lens.model.inventory.snapshot import Snapshot

MAX_NAMED = 4
"""Missing nodes that an alert names; it counts the others."""


class Cluster(NamedTuple):
    """The snapshot, and by resource when its watch last gave a sign of life and how many objects it skips."""

    snapshot: Snapshot
    contacts: Mapping[str, float]
    skipped: Mapping[str, int]
    limits: Thresholds
    now: float


CLUSTER_ALERTS: AlertTypes[Cluster] = AlertTypes()


def missing_nodes(cluster: Cluster) -> Iterator[Finding]:
    """Find pods that are bound to nodes that don't exist.

    They are one finding, since anybody who may create pods can invent node names. Its type is Overcommitted.
    """
    snapshot = cluster.snapshot
    if not snapshot.missing_gpus:
        return
    names = snapshot.missing_names[:MAX_NAMED]
    more = snapshot.missing_nodes - len(names)
    where = ", ".join(names) + (f" and {counted(more, 'more node')}" if more else "")
    lack = "doesn't exist or has no GPUs" if snapshot.missing_nodes == 1 else "don't exist or have no GPUs"
    message = f"Pods hold {counted(snapshot.missing_gpus, 'GPU')} on {where}, which {lack}"
    about = AlertObject(names[0] if snapshot.missing_nodes == 1 else None)
    yield Finding(f"Node/{names[0]}", message, key="missing", about=about)


@CLUSTER_ALERTS.declare(
    "WatchStale",
    severities=("critical",),
    summary="Stale watches of a replica of Lens",
    meaning="A watch of pods or nodes has had no sign of life for `LENS_ALERT_WATCH_AGE_SECONDS` (120; more "
    "than 30). The figures are at least as old.",
    action="Make the apiserver reachable. Until then Lens answers with the last known figures.",
    guide="The log of the replica has the error. [LensWatchOld](#lenswatchold) fires when no replica has a "
    "watch of the resource.",
    lasting=None,
)
def watch_stale(cluster: Cluster) -> Iterator[Finding]:
    """Find the watches without a recent sign of life."""
    longest = cluster.limits.watch_age_seconds
    for resource, contact in cluster.contacts.items():
        if cluster.now - contact > longest:
            message = f"The watch of {resource} has had no sign of life for over {longest:g} s"
            yield Finding(f"Watch/{resource}", message, since=contact)


@CLUSTER_ALERTS.declare(
    "ObjectsSkipped",
    severities=("warning",),
    summary="Resources with objects that can't be decoded, at least in part",
    meaning="Pods or nodes, or parts of them, can't be decoded, and are in no figure.",
    action="Repair the objects. The log of Lens names each once, with the field.",
)
def objects_skipped(cluster: Cluster) -> Iterator[Finding]:
    """Find the resources with objects that can't be decoded."""
    for resource, number in cluster.skipped.items():
        if number:
            noun, rest = resource, "or parts of them, and are in no figure"
            if number == 1:
                noun = resource.removesuffix("es" if resource.endswith("sses") else "s")
                rest = "or a part of it, and is in no figure"
            yield Finding(f"Watch/{resource}", f"{number} {noun} can't be decoded, {rest}")


@CLUSTER_ALERTS.declare(
    "PoolNotCounted",
    severities=("warning",),
    summary="Pools of DRA devices that can't be counted",
    meaning="ResourceSlices of a pool are missing, contradict each other, or can't be read. Devices of "
    "the pool that nobody holds may be in no state.",
    action="Read the log of the driver that publishes the pool's ResourceSlices.",
    guide="The scheduler allocates no devices of a pool that is incomplete or invalid. `problem_pools` of "
    "the status has the first 100 pools with the reasons.",
)
def pool_not_counted(cluster: Cluster) -> Iterator[Finding]:
    """Find the pools that can't be counted as a whole."""
    for pool in cluster.snapshot.problems.pools:
        message = f"Pool {pool.pool} of {pool.driver} can't be counted: {pool.reason}, {pool.detail}"
        yield Finding(f"ResourcePool/{pool.driver}/{pool.pool}", message)
