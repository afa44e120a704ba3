"""One pod's filters over one fleet: which nodes can take it, and what keeps it off the others.

A replica goes to the node with room for the most further ones, then by name. So the answer doesn't depend
on the order of nodes.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.looks import Look
from lens.model.fit.eviction import node_without, pods_below
from lens.model.fit.filters.dynamic_resources import DeviceFilter, FatalError, UnknownError
from lens.model.fit.filters.local import (
    FeatureFilter,
    GateFilter,
    PortFilter,
    ResourceFilter,
    SelectorFilter,
)
from lens.model.fit.filters.pod_affinity import PodAffinityFilter
from lens.model.fit.filters.rejection import Cause, Filter, Rejection, Tally
from lens.model.fit.filters.topology_spread import SpreadFilter
from lens.model.fit.node_queue import NodeQueue
from lens.model.fit.result import Placement, Reason, summarize
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.node_selectors import ANY_NODE
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet, FleetNode

MOST_TRIED = 256
"""Nodes that are looked at without their pods of a lower priority."""

MOST_TRIED_WIDE, MOST_NODES_WIDE = 16, 128
"""The same for filters that look at pods of several nodes, in clusters of at most this many nodes."""


class Trial:
    """One pod's filters over one fleet, with the replicas placed so far."""

    def __init__(self, fleet: Fleet, asked: AskedPod, check_time: Check = no_deadline) -> None:
        """Prepare the filters that have something to look at, and sift the nodes.

        This and all methods raise what ``check_time`` raises.
        """
        self._asked = asked
        self._check_time = check_time
        self._fleet = fleet
        self.rejected_as_a_whole, named = _named_nodes(asked)
        """Why no node is looked at, where none is."""
        self.devices = _device_filter(fleet, asked, check_time)
        """What looks for devices, if the pod asks for some."""
        self.fatal: str | None = None
        """Why kube-scheduler rejects the pod, whatever other nodes have."""
        if self.devices is not None and self.devices.rejected is not None:
            self.rejected_as_a_whole = self.rejected_as_a_whole or Cause("claims", self.devices.rejected)
        self._resources = ResourceFilter(asked, self.devices.extended if self.devices else ())
        self._filters: list[Filter] = [GateFilter(asked)]
        if asked.selector != ANY_NODE:
            self._filters.append(SelectorFilter(asked, check_time))
        if asked.ports:
            self._filters.append(PortFilter(asked))
        self._filters.append(self._resources)
        between_pods = [] if asked.bound else _between_pods(fleet, asked, check_time)
        self._filters += between_pods
        if self.devices is not None:
            self._filters.append(self.devices)
        if asked.features:
            self._filters.append(FeatureFilter(asked))
        self.placed: list[str] = []
        """The nodes that have got replicas, one after another."""
        self._positions: Sequence[int] = range(len(fleet.nodes))
        if self.rejected_as_a_whole is not None:
            self._positions = ()
        elif named is not None:
            names = frozenset(named)
            self._positions = [each for each in self._positions if fleet.nodes[each].name in names]
        self._changed: dict[int, FleetNode] = {}
        self._tally = Tally()
        self._topology_keys = sorted({key for each in self._filters for key in each.topology_keys})
        self.is_wide = bool(self._topology_keys)
        """Whether a placement can change what other nodes can take."""
        self._looks_at_pods = bool(between_pods)
        """Whether filters look at the pods of several nodes."""
        self._rechecks = self.is_wide or self.devices is not None
        self._last: int | None = None
        self._fitting: list[int] = []
        try:
            self._fitting = self._sift(self._filters, self._tally)
        except FatalError as error:
            self.fatal = str(error)
        self._queue = NodeQueue(() if self.fatal else self._groups(), len(fleet.nodes))

    @property
    def has_met_unknown(self) -> bool:
        """Tell whether the pod's rules may select pods whose labels aren't known."""
        return any(each.has_met_unknown for each in self._filters)

    def rejections(self) -> dict[str, Rejection]:
        """Return by node why it can't take the next replica; none if there is a ``fatal`` reason."""
        return dict(self.rejected())

    def rejected(self) -> Iterator[tuple[str, Rejection]]:
        """Yield the same, node by node."""
        if self.fatal is not None:
            return
        for position in self._positions:
            node = self._node(position)
            verdict = self._verdict(node, self._filters)
            if verdict is not None:
                yield node.name, verdict

    def place(self, most: int) -> int:
        """Place up to that many more replicas and return how many were."""
        done = 0
        try:
            while done < most and self._place_one():
                done += 1
        except FatalError as error:
            self.fatal = str(error)
        return done

    @property
    def refused(self) -> str | None:
        """Return why no node can take the pod, whatever the nodes have; None if one might."""
        if self.rejected_as_a_whole is not None:
            return self.rejected_as_a_whole.message
        return self.fatal or (self.devices.not_enqueued if self.devices is not None else None)

    def place_on(self, names: Iterable[str]) -> list[str]:
        """Place one replica on each of some nodes that has the devices; return those nodes."""
        assert self.devices is not None
        done = []
        nodes = {node.name: node for node in self._fleet.nodes}
        try:
            for name in names:
                if self.devices.check(nodes[name]) is None:
                    self.devices.place(nodes[name])
                    done.append(name)
        except FatalError as error:
            self.fatal = str(error)
        return done

    def placements(self) -> tuple[Placement, ...]:
        """Return what each node has got."""
        given: dict[str, list[str]] = {}
        if self.devices is not None:
            for name, devices in zip(self.placed, self.devices.given, strict=True):
                given.setdefault(name, []).extend(devices)
        return tuple(
            Placement(name, number, tuple(given.get(name, ())))
            for name, number in sorted(Counter(self.placed).items())
        )

    def room(self) -> int:
        """Return how many more replicas fit, where no placement changes what another node can take."""
        return self._queue.room()

    def device_room(self) -> int | None:
        """Return how many more replicas fit that get devices; None where one may take another's."""
        devices = self.devices
        if devices is None or self.is_wide or self._fleet.nominated or not devices.compares_looks:
            return None
        total = 0
        try:
            for position, rooms in self._queue.rooms():
                self._check_time()
                most = devices.room(self._node(position), max(rooms))
                total += sum([room if room < most else most for room in rooms])
        except (FatalError, UnknownError):
            return None
        return total

    def reasons(self) -> tuple[Reason, ...]:
        """Return what keeps the next replica off nodes."""
        if self.fatal is not None:
            return (Reason("claims", self.fatal, len(self._fleet.nodes)),)
        causes = self._tally_now().causes()
        unnamed = len(self._fleet.nodes) - len(self._positions)
        if unnamed:
            plugins = ["NodeAffinity"] if self._asked.selector.node_names is not None else []
            plugins += ["NodeName"] if self._asked.node_name else []
            text = f"node(s) didn't satisfy plugin(s) [{' '.join(plugins)}]"
            causes[Cause("node_name", text)] = unnamed
        return summarize(causes, dict(self._asked.request), self._resources.most_free)

    def can_preempt(self) -> bool:
        """Tell whether the scheduler may find pods to evict: on some node the pod may fit without them."""
        return (
            self._asked.preempts
            and self.fatal is None
            and any(priority < self._asked.priority for priority in self._fleet.priorities)
            and (self._tally_now().resolvable or self._resources.could_be_resolved())
            and self._may_fit_without_lower()
        )

    def _may_fit_without_lower(self) -> bool:
        """Tell whether a node may take the pod without its pods of a lower priority, as the scheduler tries.

        It may if more nodes would have to be looked at than are.
        """
        tries = MOST_TRIED
        if self._looks_at_pods:
            tries = MOST_TRIED_WIDE if len(self._fleet.nodes) <= MOST_NODES_WIDE else 0
        for position in self._positions:
            node = self._node(position)
            lower = pods_below(node, self._asked.priority)
            if lower:
                tries -= 1
                if tries < 0 or self._may_fit(position, node_without(node, lower)):
                    return True
        return False

    def _may_fit(self, position: int, node: FleetNode) -> bool:
        """Tell whether a node that is different now may take the pod."""
        if not self._looks_at_pods:
            try:
                return self._verdict(node, self._filters) is None
            except FatalError:
                return True
        if self.placed and self.devices is not None:
            return True
        fleet = self._fleet
        nodes = [self._node(each) for each in range(len(fleet.nodes))]
        nodes[position] = node
        changed = Fleet(tuple(nodes), fleet.namespaces, fleet.priorities, fleet.unreadable, fleet.devices)
        trial = Trial(changed, self._asked, self._check_time)
        return trial.fatal is not None or node.name not in trial.rejections()

    def _sift(self, filters: Sequence[Filter], tally: Tally) -> list[int]:
        """Return the sorted positions of the nodes that fit, and tally what rejects the others."""
        apart = {each for each in self._fleet.nominated if self._nominated(self._node(each))}
        apart |= self._changed.keys()
        left = self._positions
        if apart:
            left = [position for position in left if position not in apart]
        for each in filters:
            self._check_time()
            left = each.sift(left, self._fleet, tally)
        fitting = list(left)
        for position in self._positions if apart else ():
            if position in apart:
                verdict = self._verdict(self._node(position), filters)
                if verdict is None:
                    fitting.append(position)
                else:
                    tally.add(verdict)
        return sorted(fitting)

    def _tally_now(self) -> Tally:
        """Return what rejects the nodes that can't take the next replica."""
        if not self.placed:
            return self._tally
        if self._rechecks:
            tally = Tally()
            self._sift(self._filters, tally)
            return tally
        tally = self._tally.copy()
        for position in self._fitting:
            verdict = self._verdict(self._node(position), self._filters)
            if verdict is not None:
                tally.add(verdict)
        return tally

    def _groups(self) -> Iterable[list[tuple[int, int]]]:
        """Return the nodes that other nodes at most keep replicas off, with the room on each.

        Nodes of a group differ in nothing that filters of several nodes look at.
        """
        candidates = self._fitting
        if self._rechecks:
            local = [each for each in self._filters if not each.topology_keys and each is not self.devices]
            candidates = self._sift(local, Tally())
        rooms = self._resources.rooms(candidates, self._fleet)
        if self._asked.ports:
            rooms = [1] * len(rooms)
        nominated = frozenset(self._fleet.nominated)
        if not self._rechecks and not nominated:
            return [list(zip(candidates, rooms, strict=True))]
        nodes, keys = self._fleet.nodes, self._topology_keys
        looks: Sequence[Look | None] | None = None
        if self.devices is not None and self.devices.compares_looks:
            looks = self._fleet.looks
        groups: dict[Hashable, list[tuple[int, int]]] = {}
        for position, room in zip(candidates, rooms, strict=True):
            group: Hashable = None
            if keys:
                labels = nodes[position].labels
                group = tuple([labels.get(key) for key in keys])
            if self.devices is not None:
                look = None if looks is None else looks[position]
                group = position if look is None else (group, look) if keys else look
            if position in nominated:
                group, room = position, self._room(nodes[position])
            groups.setdefault(group, []).append((position, room))
        return groups.values()

    def _place_one(self) -> bool:
        if self.devices is not None and self._last is not None:
            # The scheduler looks at all nodes, also at one that has just been filled.
            self._verdict(self._node(self._last), self._filters)
        for position in self._queue:
            node = self._node(position)
            if self._rechecks and self._verdict(node, self._filters) is not None:
                self._queue.set_aside()
                continue
            self._check_time()
            self._queue.take(apart=self.devices is not None)
            self.placed.append(node.name)
            self._last = position
            node = self._changed[position] = node.with_pods((self._asked.on(node.name),))
            lifted = [each.place(node) for each in self._filters]
            if any(lifted):
                self._queue.put_back()
            return True
        return False

    def _node(self, position: int) -> FleetNode:
        return self._changed.get(position) or self._fleet.nodes[position]

    def _verdict(self, node: FleetNode, filters: Sequence[Filter]) -> Rejection | None:
        self._check_time()
        nominated = self._nominated(node)
        if nominated:
            # As for the scheduler the pod has to fit both with and without them.
            with_them = node.with_pods(nominated)
            for each in filters:
                rejected = each.check(with_them, nominated)
                if rejected is not None:
                    return rejected
        for each in filters:
            rejected = each.check(node)
            if rejected is not None:
                return rejected
        return None

    def _room(self, node: FleetNode) -> int:
        room = self._resources.room(node.with_pods(self._nominated(node)))
        return min(room, 1) if self._asked.ports else room

    def _nominated(self, node: FleetNode) -> Sequence[FitPod]:
        return [pod for pod in node.nominated if pod.priority >= self._asked.priority]


def _between_pods(fleet: Fleet, asked: AskedPod, check_time: Check) -> list[Filter]:
    """Return the filters that look at rules between pods, where there are some."""
    filters: list[Filter] = [SpreadFilter(asked, fleet, check_time)] if asked.spread else []
    affinity = PodAffinityFilter(asked, fleet, check_time)
    return [*filters, affinity] if affinity.applies else filters


def _device_filter(fleet: Fleet, asked: AskedPod, check_time: Check) -> DeviceFilter | None:
    """Return what looks for devices; None for a pod that asks for none."""
    serving = fleet.devices.serving
    if not asked.claims and not (serving and any(name in serving for name, _ in asked.request)):
        return None
    return DeviceFilter(asked, fleet.devices, check_time)


def _named_nodes(asked: AskedPod) -> tuple[Cause | None, Iterable[str] | None]:
    """Return why no node is looked at, and the only nodes that are; None for all (the PreFilter plugins)."""
    names = asked.selector.node_names
    if names is not None and not names:
        return Cause("node_selector", "pod affinity terms conflict"), None
    if not asked.node_name:
        return None, names
    if names is not None and asked.node_name not in names:
        text = "node(s) didn't satisfy plugin(s) [NodeAffinity NodeName] simultaneously"
        return Cause("node_name", text), None
    return None, {asked.node_name}
