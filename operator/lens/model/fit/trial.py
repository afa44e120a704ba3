"""One pod's filters over one fleet: which nodes can take it, and what keeps it off the others.

A replica goes to the node with room for the most further ones, then by name. So the answer doesn't depend
on the order of nodes.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.signatures import Signature
from lens.model.fit.eviction import node_without, pods_below
from lens.model.fit.filter_plugins import FilterPlugins
from lens.model.fit.filters.device_search import FatalError, UnknownError
from lens.model.fit.filters.rejection import Cause, Filter, Rejection, Tally
from lens.model.fit.node_queue import NodeQueue
from lens.model.fit.result import Placement, Reason, summarize
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import Fleet, FleetNode

MAX_TRIED = 256
"""Nodes that are checked without their pods of a lower priority."""

MAX_TRIED_WIDE, MAX_NODES_WIDE = 16, 128
"""The same for filters that read the pods of several nodes, in clusters of at most this many nodes."""


class Trial:
    """One pod's filters over one fleet, with the replicas placed so far."""

    def __init__(self, fleet: Fleet, asked: AskedPod, check_time: Check = no_deadline) -> None:
        """Run the filters on all nodes.

        This and all methods raise what ``check_time`` raises.
        """
        self._asked = asked
        self._check_time = check_time
        self._fleet = fleet
        self._plugins = FilterPlugins(fleet, asked, check_time)
        self.rejected_as_a_whole = self._plugins.rejected
        """Why no node is checked, where none is."""
        self.devices = self._plugins.devices
        """The search for devices, if the pod requests some."""
        self.fatal: str | None = None
        """Why kube-scheduler rejects the pod, whatever other nodes have."""
        self.placed: list[str] = []
        """The nodes that have got replicas, one after another."""
        self._positions = self._plugins.positions
        self._changed: dict[int, FleetNode] = {}
        self._tally = Tally()
        self.is_wide = bool(self._plugins.topology_keys)
        """Whether a placement can change what other nodes can take."""
        self._rechecks = self.is_wide or self.devices is not None
        self._last: int | None = None
        self._fitting: list[int] = []
        try:
            self._fitting = self._filter_nodes(self._plugins.all, self._tally)
        except FatalError as error:
            self.fatal = str(error)
        self._queue = NodeQueue(() if self.fatal else self._groups(), len(fleet.nodes))

    @property
    def has_met_unknown(self) -> bool:
        """Return whether the pod's rules may select pods whose labels aren't known."""
        return self._plugins.have_met_unknown

    def rejections(self) -> dict[str, Rejection]:
        """Return by node why it can't take the next replica; none if there is a ``fatal`` reason."""
        return dict(self.rejected())

    def rejected(self) -> Iterator[tuple[str, Rejection]]:
        """Yield the same, node by node."""
        if self.fatal is not None:
            return
        for position in self._positions:
            node = self._node(position)
            verdict = self._plugins.check(node, self._plugins.all)
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
        """Return how many more replicas fit that get devices; None if one may take another's."""
        devices = self.devices
        if devices is None or self.is_wide or self._fleet.nominated or not devices.compares_signatures:
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
        return summarize(causes, dict(self._asked.request), self._plugins.resources.most_free)

    def can_preempt(self) -> bool:
        """Return whether the scheduler may find pods to evict: on some node the pod may fit without them."""
        return (
            self._asked.preempts
            and self.fatal is None
            and any(priority < self._asked.priority for priority in self._fleet.priorities)
            and (self._tally_now().resolvable or self._plugins.resources.could_be_resolved())
            and self._may_fit_without_lower()
        )

    def _may_fit_without_lower(self) -> bool:
        """Return whether a node may take the pod once its pods of a lower priority are gone.

        The scheduler tries that, too. If there are too many nodes to check, one may.
        """
        tries = MAX_TRIED
        if self._plugins.look_at_pods:
            tries = MAX_TRIED_WIDE if len(self._fleet.nodes) <= MAX_NODES_WIDE else 0
        for position in self._positions:
            node = self._node(position)
            lower = pods_below(node, self._asked.priority)
            if lower:
                tries -= 1
                if tries < 0 or self._may_fit(position, node_without(node, lower)):
                    return True
        return False

    def _may_fit(self, position: int, node: FleetNode) -> bool:
        """Return whether a node that is different now may take the pod."""
        if not self._plugins.look_at_pods:
            try:
                return self._plugins.check(node, self._plugins.all) is None
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

    def _filter_nodes(self, filters: Sequence[Filter], tally: Tally) -> list[int]:
        """Return the sorted positions of the nodes that fit, and tally what rejects the others."""
        apart = {each for each in self._fleet.nominated if self._plugins.nominated(self._node(each))}
        apart |= self._changed.keys()
        left = self._positions
        if apart:
            left = [position for position in left if position not in apart]
        for each in filters:
            self._check_time()
            left = each.filter_nodes(left, self._fleet, tally)
        fitting = list(left)
        for position in self._positions if apart else ():
            if position in apart:
                verdict = self._plugins.check(self._node(position), filters)
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
            self._filter_nodes(self._plugins.all, tally)
            return tally
        tally = self._tally.copy()
        for position in self._fitting:
            verdict = self._plugins.check(self._node(position), self._plugins.all)
            if verdict is not None:
                tally.add(verdict)
        return tally

    def _groups(self) -> Iterable[list[tuple[int, int]]]:
        """Return the nodes that other nodes at most keep replicas off, with the room on each.

        Nodes of a group differ in nothing that filters of several nodes read.
        """
        candidates = self._fitting
        if self._rechecks:
            candidates = self._filter_nodes(self._plugins.local, Tally())
        rooms = self._plugins.resources.rooms(candidates, self._fleet)
        if self._asked.ports:
            rooms = [1] * len(rooms)
        nominated = frozenset(self._fleet.nominated)
        if not self._rechecks and not nominated:
            return [list(zip(candidates, rooms, strict=True))]
        nodes, keys = self._fleet.nodes, self._plugins.topology_keys
        signatures: Sequence[Signature | None] | None = None
        if self.devices is not None and self.devices.compares_signatures:
            signatures = self._fleet.signatures
        groups: dict[Hashable, list[tuple[int, int]]] = {}
        for position, room in zip(candidates, rooms, strict=True):
            group: Hashable = None
            if keys:
                labels = nodes[position].labels
                group = tuple([labels.get(key) for key in keys])
            if self.devices is not None:
                signature = None if signatures is None else signatures[position]
                group = position if signature is None else (group, signature) if keys else signature
            if position in nominated:
                group, room = position, self._plugins.room(nodes[position])
            groups.setdefault(group, []).append((position, room))
        return groups.values()

    def _place_one(self) -> bool:
        if self.devices is not None and self._last is not None:
            # The scheduler checks all nodes, also one that has just been filled.
            self._plugins.check(self._node(self._last), self._plugins.all)
        for position in self._queue:
            node = self._node(position)
            if self._rechecks and self._plugins.check(node, self._plugins.all) is not None:
                self._queue.set_aside()
                continue
            self._check_time()
            self._queue.take(apart=self.devices is not None)
            self.placed.append(node.name)
            self._last = position
            node = self._changed[position] = node.with_pods((self._asked.on(node.name),))
            lifted = [each.place(node) for each in self._plugins.all]
            if any(lifted):
                self._queue.put_back()
            return True
        return False

    def _node(self, position: int) -> FleetNode:
        return self._changed.get(position) or self._fleet.nodes[position]
