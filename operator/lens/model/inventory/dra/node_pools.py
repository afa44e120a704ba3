"""Pools that several nodes have by one name, as kube-scheduler sees them from each node.

Where the node's own slices are as many as they say, it reads no others: the node has a pool of its own, of
the newest generation there. A device's name is unique among what the node sees. Devices of two nodes with one
name are one device to the scheduler all the same: while one is held, it allocates none of the others.

Source: k8s.io/dynamic-resource-allocation v0.37, structured/internal/incubating, ``GatherPools``.
"""

from collections.abc import Collection, Mapping

import msgspec

from lens.model.inventory.dra.pool import NONE_OF_SEVERAL, Pool, ProblemPool, build_pool
from lens.model.inventory.objects.claim import PoolKey
from lens.model.inventory.objects.device import NO_NODE
from lens.model.inventory.objects.gpu import Gpu
from lens.model.inventory.objects.slice import Slice


def build_pools(key: PoolKey, slices: Collection[Slice]) -> Pool:
    """Return the pool of these slices, of which there is at least one, or the nodes' pools of this name."""
    if len(slices) > 1 and (parts := _parts(key, slices)):
        return _joined(key, parts, slices)
    return build_pool(key, slices)


def _parts(key: PoolKey, slices: Collection[Slice]) -> dict[str, Pool]:
    by_node: dict[str, list[Slice]] = {}
    for each in slices:
        by_node.setdefault(each.node, []).append(each)
    if len(by_node) < 2 or NO_NODE in by_node:
        return {}
    newest = max(each.generation for each in slices)
    whole = {node for node, own in by_node.items() if _are_whole(own)}
    if len(whole) > 1:
        # From any other node the scheduler sees that the older generations are outdated.
        return {
            node: build_pool(key, own)
            for node, own in sorted(by_node.items())
            if node in whole or any(each.generation == newest for each in own)
        }
    return _of_one_pool(key, [each for each in slices if each.generation == newest], by_node)


def _are_whole(slices: Collection[Slice]) -> bool:
    newest = max(each.generation for each in slices)
    counts = [each.slice_count for each in slices if each.generation == newest]
    return all(count == len(counts) for count in counts)


def _of_one_pool(
    key: PoolKey, slices: Collection[Slice], by_node: Mapping[str, Collection[Slice]]
) -> dict[str, Pool]:
    """Return the nodes' parts of a whole pool if two nodes have devices of one name; nothing otherwise."""
    names = {(each.node, device.name) for each in slices for device in each.devices}
    if (
        len({name for _, name in names}) == len(names)
        or any(each.counter_sets for each in slices)
        or any(each.slice_count != len(slices) for each in slices)
    ):
        return {}
    found: dict[str, Pool] = {}
    for node in sorted({each.node for each in slices}):
        own = [each for each in slices if each.node == node]
        counted = [msgspec.structs.replace(each, slice_count=len(own)) for each in own]
        found[node] = build_pool(key, [*counted, *(each for each in by_node[node] if each not in own)])
    return found


def _joined(key: PoolKey, parts: Mapping[str, Pool], slices: Collection[Slice]) -> Pool:
    """Return nodes' pools as one. Names that several of these have are a problem, but all count."""
    gpu_of: dict[str, Gpu] = {}
    on: dict[str, set[str]] = {}
    homes: dict[str, dict[str, None]] = {}
    for node, part in parts.items():
        for name in part.device_names:
            homes.setdefault(name, {})[node] = None
        for gpu in part.gpus.get(node, ()):
            for device in gpu.devices:
                gpu_of.setdefault(device.name, gpu)
                on.setdefault(device.name, set()).add(node)
    problem = next((part.problem for part in parts.values() if part.problem is not None), None)
    repeated = min((name for name, nodes in on.items() if len(nodes) > 1), default=None)
    if problem is None and repeated is not None:
        generation = max(each.generation for each in slices)
        most = max(each.slice_count for each in slices)
        detail = f"{repeated} of {' and '.join(sorted(on[repeated])[:2])}"
        problem = ProblemPool(*key, "DUPLICATE_DEVICE", detail, generation, len(slices), most)
    gpus = {node: part.gpus[node] for node, part in parts.items() if node in part.gpus}
    return Pool(key, gpus, gpu_of, NONE_OF_SEVERAL, problem, parts=parts, homes=homes)
