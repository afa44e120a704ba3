"""The figures, counted again from the simulated apiserver's raw objects, with plain dictionaries.

It shares nothing with the product: one pass over everything, each time.
"""

import json
from collections import Counter
from collections.abc import Collection
from fractions import Fraction
from math import ceil
from typing import Any

from lens.model.inventory.snapshot import Snapshot
from lens_sim.objects.resources import NODES, PODS, Resource
from lens_sim.objects.store import Store
from tests.integration.watch.objects import GPU, Object

Figures = dict[str, Any]


def recount(store: Store, without: Collection[str] = ()) -> Figures:
    """Count the objects of a store, except those that are named as ones that nobody could read."""
    held: Counter[str] = Counter()
    running: Counter[str] = Counter()
    pods: dict[str, set[str]] = {}
    for obj in _objects(store, PODS, without):
        node = obj["spec"].get("nodeName")
        wanted = sum(_gpus((each.get("resources") or {}).get("limits")) for each in obj["spec"]["containers"])
        phase = (obj.get("status") or {}).get("phase", "Pending")
        if node and wanted and phase not in ("Succeeded", "Failed"):
            held[node] += ceil(wanted)
            running[node] += phase == "Running"
            pods.setdefault(node, set()).add(obj["metadata"]["name"])
    offered = {
        obj["metadata"]["name"]: obj
        for obj in _objects(store, NODES, without)
        if GPU in obj["status"]["capacity"]
    }
    nodes = {}
    for name in offered.keys() | held.keys():
        free = unhealthy = there = 0
        open_to_pods = False
        if name in offered:
            spec, status = offered[name]["spec"], offered[name]["status"]
            capacity, allocatable = ceil(_gpus(status["capacity"])), ceil(_gpus(status["allocatable"]))
            there = max(capacity, allocatable)
            free = max(0, allocatable - held[name])
            unhealthy = max(0, capacity - max(allocatable, held[name]))
            open_to_pods = not spec.get("unschedulable")
        nodes[name] = {
            "allocated": min(held[name], there),
            "overcommitted": max(0, held[name] - there),
            "unhealthy": unhealthy,
            "unavailable": 0 if open_to_pods else free,
            "available": free if open_to_pods else 0,
            "running": running[name],
            "pods": pods.get(name, set()),
        }
    return {"total": sum(map(_sum_of_states, nodes.values())), "nodes": nodes}


def figures(snapshot: Snapshot) -> Figures:
    """Return what a snapshot says, in the form of a recount."""
    nodes = {
        name: {
            "allocated": node.states.allocated,
            "overcommitted": node.overcommitted,
            "unhealthy": node.states.unhealthy,
            "unavailable": node.states.unavailable,
            "available": node.states.available,
            "running": node.running_tasks,
            "pods": {pod.name for pod in node.pods},
        }
        for name, node in snapshot.nodes.items()
    }
    return {"total": snapshot.states.total, "nodes": nodes}


def _objects(store: Store, resource: Resource, without: Collection[str]) -> list[Object]:
    everything = (json.loads(revision.body) for revision in store.snapshot(resource))
    return [obj for obj in everything if obj["metadata"]["name"] not in without]


def _gpus(amounts: dict[str, Any] | None) -> Fraction:
    text = str((amounts or {}).get(GPU, 0))
    return Fraction(text[:-1]) / 1000 if text.endswith("m") else Fraction(text)


def _sum_of_states(node: Figures) -> int:
    return sum(int(node[state]) for state in ("allocated", "unhealthy", "unavailable", "available"))
