"""A fleet that lives for a while, and what its objects say when they are read anew."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec

from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import NODES, PODS, Object
from lens_sim.objects.store import Store

NOW = datetime(2026, 1, 5, 12, 3, 7, tzinfo=UTC)
GPU = "nvidia.com/gpu"


def objects(store: Store, version: int | None = None) -> tuple[list[Object], list[Object]]:
    nodes, pods = (
        [msgspec.json.decode(found.body) for found in store.snapshot(resource, version=version)]
        for resource in (NODES, PODS)
    )
    return nodes, pods


def gpus_of(pod: Object) -> int:
    """Recount a pod's request, container by container."""

    def gpus(container: Object) -> int:
        return int(container["resources"]["requests"].get(GPU, 0))

    sidecars = peak = 0
    for container in pod["spec"].get("initContainers", []):
        if container.get("restartPolicy") == "Always":
            sidecars += gpus(container)
        else:
            peak = max(peak, gpus(container) + sidecars)
    return max(peak, sidecars + sum(gpus(container) for container in pod["spec"]["containers"]))


def holds(pod: Object) -> bool:
    return "nodeName" in pod["spec"] and pod["status"]["phase"] not in ("Succeeded", "Failed")


def held(pods: list[Object]) -> Counter[str]:
    found: Counter[str] = Counter()
    for pod in pods:
        if holds(pod):
            found[pod["spec"]["nodeName"]] += gpus_of(pod)
    return found


def devices_of(pod: Object) -> list[str]:
    return [
        device["resourceID"]
        for container in pod["status"].get("containerStatuses", [])
        for resource in container.get("allocatedResourcesStatus", [])
        for device in resource["resources"]
        if (resource["name"], device["health"]) == (GPU, "Healthy")
    ]


def taints_of(node: Object) -> set[tuple[str, str]]:
    return {(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]}


def lived(store: Store, seed: int, steps: list[timedelta], nodes: int = 10) -> None:
    fleet = Fleet(store, NOW, nodes=nodes, seed=seed)
    now = NOW
    for step in steps:
        now += step
        fleet.step(now)


def conditions_of(pod: Object) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]}
