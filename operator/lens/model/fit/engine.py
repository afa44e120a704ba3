"""Places a pod's replicas one after another, as kube-scheduler would, and says what keeps them off nodes.

A replica goes to the node with room for the most further ones, then by name. So the answer doesn't depend
on the order of nodes. kube-scheduler chooses by scores. Where that choice can change how many replicas fit (a
pod that has affinity to its own replicas, or several rules against them), the answer is not complete:
``node_choice``.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.looks import Look
from lens.model.fit.dra.state import Devices
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
from lens.model.fit.result import (
    NO_NODES,
    FitResult,
    Placement,
    Reason,
    scheduler_message,
    summarize,
)
from lens.model.fit.spec.affinity_terms import Terms
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.node_selectors import ANY_NODE
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import NO_LABELS, Fleet, FleetNode

MOST_REPLICAS = 10_000
"""Replicas that can be asked about."""

MOST_BY_DEVICES = 1024
"""Replicas that are tried for ``max_replicas`` where each gets devices."""

MOST_COUNTED = 64
"""Replicas that are tried for ``max_replicas`` where each placement changes what the next one may do."""

MOST_TRIED = 256
"""Nodes that are looked at without their pods of a lower priority."""

MOST_TRIED_WIDE, MOST_NODES_WIDE = 16, 128
"""Likewise, of so many nodes at most, where pods bear on what other nodes can take."""


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
        """What kube-scheduler gives up the pod for, whatever other nodes have."""
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
        self._queue = _Queue(() if self.fatal else self._groups(), len(fleet.nodes))

    def rejections(self) -> dict[str, Rejection]:
        """Return why each node that is looked at can't take the next replica; none if the pod is given up."""
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


class _Queue:
    """Nodes with room, in groups: the one with the most first, then the first by name.

    An entry is one number, which sorts like the room, the most first, and then the position.
    """

    def __init__(self, groups: Iterable[list[tuple[int, int]]], nodes: int) -> None:
        """Take the positions and the rooms of each group, and the number of nodes."""
        self._nodes = nodes
        self._groups = [[position - room * nodes for position, room in group] for group in groups]
        for entries in self._groups:
            heapify(entries)
        self._first = [(entries[0], number) for number, entries in enumerate(self._groups) if entries]
        heapify(self._first)
        self._aside: list[int] = []

    def room(self) -> int:
        """Return how many replicas there is room for."""
        return sum([-(entry // self._nodes) for entries in self._groups for entry in entries])

    def rooms(self) -> Iterator[tuple[int, list[int]]]:
        """Give a node of each group that has room, and the rooms of all its nodes."""
        for entries in self._groups:
            if entries:
                yield entries[0] % self._nodes, [-(entry // self._nodes) for entry in entries]

    def __iter__(self) -> Iterator[int]:
        """Go through the first nodes of the groups that aren't set aside, each to be taken or set aside."""
        while self._first:
            yield self._first[0][0] % self._nodes

    def take(self, *, apart: bool) -> None:
        """Take room for one replica on the node that is first; what is left is in a group ``apart``."""
        _, number = heappop(self._first)
        entries = self._groups[number]
        less = heappop(entries) + self._nodes
        if less < 0 and apart and entries:
            heappush(self._first, (less, len(self._groups)))
            self._groups.append([less])
        elif less < 0:
            heappush(entries, less)
        if entries:
            heappush(self._first, (entries[0], number))

    def set_aside(self) -> None:
        """Leave out the group of the node that is first."""
        self._aside.append(heappop(self._first)[1])

    def put_back(self) -> None:
        """Take the groups in again that were set aside."""
        for number in self._aside:
            heappush(self._first, (self._groups[number][0], number))
        self._aside.clear()


def fit(fleet: Fleet, asked: AskedPod, replicas: int = 1, check_time: Check = no_deadline) -> FitResult:
    """Tell whether replicas of a pod fit. Raise ValueError for a number that can't be asked about.

    ``check_time`` ends the work by what it raises.
    """
    return place(fleet, asked, replicas, check_time)[0]


def place(
    fleet: Fleet, asked: AskedPod, replicas: int = 1, check_time: Check = no_deadline
) -> tuple[FitResult, Devices]:
    """Tell whether replicas of a pod fit, as ``fit`` does, and how those that do leave the devices."""
    if not 0 < replicas <= MOST_REPLICAS:
        raise ValueError(f"replicas: {replicas} is not between 1 and {MOST_REPLICAS}")
    count = len(fleet.nodes)
    if asked.gates:
        text = f"waiting for scheduling gates: [{' '.join(asked.gates)}]"
        result = FitResult("no", replicas, 0, 0, count, reasons=(Reason("gates", text, count),), message=text)
        return result, fleet.devices
    if (refused := _not_enqueued(fleet, asked)) is not None:
        refusal = Reason("claims", refused, count)
        return FitResult("no", replicas, 0, 0, count, reasons=(refusal,), message=refused), fleet.devices
    if not fleet.nodes:
        missing = ("unreadable_objects",) if fleet.unreadable else ()
        result = FitResult(
            "no", replicas, 0, 0, 0, message=NO_NODES, not_checked=missing, complete=not missing
        )
        return result, fleet.devices
    trial = Trial(fleet, asked, check_time)
    if trial.rejected_as_a_whole is not None:
        cause = trial.rejected_as_a_whole
        text = f"0/{count} nodes are available: {cause.message}."
        reasons: tuple[Reason, ...] = (Reason(cause.code, cause.message, count),)
        return FitResult("no", replicas, 0, 0, count, reasons=reasons, message=text), fleet.devices
    reasons = trial.reasons()
    placed = trial.place(replicas)
    message = None
    preemption = False
    if placed < replicas:
        reasons = trial.reasons()
        message = trial.fatal or scheduler_message(count, reasons)
        preemption = trial.can_preempt()
    placements = trial.placements()
    devices = trial.devices.left() if trial.devices is not None else fleet.devices
    undecided = tuple(trial.devices.unknown) if trial.devices is not None else ()
    most = _max_replicas(trial, placed, replicas)
    not_checked = (*asked.unchecked, *_not_checked(trial, fleet, asked, replicas), *undecided)
    unknown = bool(asked.unchecked) and (placed == replicas or "scheduler" in asked.unchecked)
    unknown = unknown or bool(undecided)
    if preemption:
        not_checked = (*not_checked, "preemption")
    result = FitResult(
        fits="unknown" if unknown else "yes" if placed == replicas else "no",
        replicas=replicas,
        placed=placed,
        max_replicas=most,
        nodes=count,
        placements=placements,
        reasons=reasons,
        message=message,
        not_checked=not_checked,
        complete=not unknown and set(not_checked) <= set(asked.unchecked),
    )
    return result, devices


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


def _not_enqueued(fleet: Fleet, asked: AskedPod) -> str | None:
    """Return why the scheduler doesn't look at a pod; None if it does."""
    return DeviceFilter(asked, fleet.devices).not_enqueued if asked.claims else None


def _max_replicas(trial: Trial, placed: int, replicas: int) -> int | None:
    if placed < replicas:
        return placed
    if not trial.is_wide and trial.devices is None:
        return placed + trial.room()
    if (room := trial.device_room()) is not None:
        return placed + room
    counted = MOST_COUNTED if trial.is_wide else MOST_BY_DEVICES
    more = trial.place(max(0, counted - placed) + 1)
    return placed + more if placed + more <= max(placed, counted) else None


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


def _not_checked(trial: Trial, fleet: Fleet, asked: AskedPod, replicas: int) -> Iterable[str]:
    if fleet.unreadable or (trial.devices is not None and fleet.devices.unreadable):
        yield "unreadable_objects"
    if asked.bound:
        return
    if fleet.namespaces is None and _need_namespaces(fleet, asked):
        yield "namespaces"
    shared = trial.devices is not None and trial.devices.uses_shared
    if replicas > 1 and (shared or _choice_matters(fleet, asked)):
        yield "node_choice"


def _need_namespaces(fleet: Fleet, asked: AskedPod) -> bool:
    existing = (pod.anti_terms for each in fleet.repelling for pod in fleet.nodes[each].repelling)
    return any(
        term.namespace_selector is not None and term.namespace_selector.requirements
        for terms in (asked.affinity, asked.anti_affinity, *existing)
        for term in terms
    )


def _choice_matters(fleet: Fleet, asked: AskedPod) -> bool:
    """Tell whether another choice of nodes may place another number of replicas.

    It doesn't without rules between replicas, nor with one rule that only limits how many share a domain:
    a replica then takes no place but that of its like.
    """
    labels = asked.labels
    namespace_labels = (fleet.namespaces or {}).get(asked.namespace, NO_LABELS)

    def about_itself(terms: Terms) -> int:
        return sum(
            term.includes(asked.namespace, namespace_labels) and term.selects(labels) for term in terms
        )

    spread = sum(each.selector is not None and each.selector.matches_flat(labels) for each in asked.spread)
    return about_itself(asked.affinity) > 0 or about_itself(asked.anti_affinity) + spread > 1
