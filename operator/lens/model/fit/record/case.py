"""A case: a pod and the nodes that it was asked about, as the objects that the oracle reads.

They are made from what a fit keeps of them. ``python -m tests.oracle FILE`` asks kube-scheduler's own code
about them, and the fit engine. Names can be replaced: the question stays the same one.
"""

from collections.abc import Mapping

import msgspec

from lens.model.fit.record.device_part import DevicePart, asks_for_devices, holders_of, own_part, part_on
from lens.model.fit.record.device_writer import DeviceWriter
from lens.model.fit.record.judgement import has_rules_between_pods, is_repelled
from lens.model.fit.record.names import Names
from lens.model.fit.record.writer import Object, Writer
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import Fleet, FleetNode

MAX_BYTES = 256 * 1024
"""The size of a case. Nodes beyond that are left out."""

_encode = msgspec.json.encode


class Case(msgspec.Struct, frozen=True, gc=False):
    """A pod, nodes with what is on them, labels of namespaces, and for claims what they are allocated of.

    ``size`` is that of its JSON; ``omitted`` is the number of nodes that are left out, where rules between
    pods every node may affect the answer. Without a node its devices are left out, too.
    """

    asked: AskedPod
    nodes: tuple[FleetNode, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    size: int
    omitted: int = 0
    devices: DevicePart | None = None


def make_case(asked: AskedPod, fleet: Fleet, node: FleetNode) -> Case:
    """Return the case of a pod on a ``node``, with all other nodes if these may affect the answer."""
    repelling = [fleet.nodes[position] for position in fleet.repelling]
    wide = has_rules_between_pods(asked) or is_repelled(asked, fleet, repelling)
    others = [each for each in fleet.nodes if each is not node] if wide else []
    names = Names(keep=True)
    write = Writer(names)
    known = fleet.namespaces or {}
    namespaces: dict[str, Mapping[str, str]] = {}
    part = own_part(asked, fleet.devices) if asks_for_devices(asked, fleet.devices) else None
    holders = {} if part is None else holders_of(fleet.devices)

    def length(devices: DevicePart) -> int:
        return len(_encode(DeviceWriter(write, names, asked, devices).objects(devices)))

    size = len(_encode(write.asked(asked))) + (0 if part is None else length(part))
    nodes: list[FleetNode] = []
    for each in (node, *others):
        more = {name: known[name] for name in (asked.namespace, *each.pods) if name in known}
        more = {name: labels for name, labels in more.items() if name not in namespaces}
        larger = size + len(_encode([more, write.node(each), *write.pods_on(each)]))
        with_devices = part
        if part is not None:
            there = part_on(each, fleet.devices, holders).beyond(part)
            larger, with_devices = larger + length(there), part + there
        if larger > MAX_BYTES:
            break
        size, part = larger, with_devices
        nodes.append(each)
        namespaces |= more
    omitted = 1 + len(others) - len(nodes)
    return Case(asked, tuple(nodes), dict(sorted(namespaces.items())), size, omitted, part)


def fleet_of(case: Case, *, anonymous: bool = False) -> dict[str, list[Object]]:
    """Return a case's objects, with ``namespaces``, ``nodes``, ``pods`` and the pod in ``asked``.

    For a pod that asks for devices there are also the objects of resource.k8s.io, each by its resource.
    """
    names = Names(keep=not anonymous)
    for node in case.nodes:
        names.of("node", node.name)
    write = Writer(names)
    devices = {}
    if case.devices is not None:
        devices = DeviceWriter(write, names, case.asked, case.devices).objects(case.devices)
    return {
        "namespaces": [write.namespace(name, labels) for name, labels in case.namespaces.items()],
        "nodes": [write.node(node) for node in case.nodes],
        "pods": [pod for node in case.nodes for pod in write.pods_on(node)],
        **devices,
        "asked": [write.asked(case.asked)],
    }
