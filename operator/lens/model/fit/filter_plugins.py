"""The filters of one pod over one fleet, run on a node as kube-scheduler runs its Filter plugins."""

from collections.abc import Iterable, Sequence

from lens.model.fit.deadline import Check
from lens.model.fit.filters.dynamic_resources import DeviceFilter
from lens.model.fit.filters.local import FeatureFilter, GateFilter, PortFilter, ResourceFilter, SelectorFilter
from lens.model.fit.filters.pod_affinity import PodAffinityFilter
from lens.model.fit.filters.rejection import Cause, Filter, Rejection
from lens.model.fit.filters.topology_spread import SpreadFilter
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.node_selectors import ANY_NODE
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet, FleetNode


class FilterPlugins:
    """The filters that have something to check, in kube-scheduler's order."""

    def __init__(self, fleet: Fleet, asked: AskedPod, check_time: Check) -> None:
        """Prepare the filters. This and ``check`` raise what ``check_time`` raises."""
        self._asked = asked
        self._check_time = check_time
        self.rejected, named = _named_nodes(asked)
        """Why no node is checked, where none is."""
        self.devices = _device_filter(fleet, asked, check_time)
        """The search for devices, if the pod requests some."""
        if self.devices is not None and self.devices.rejected is not None:
            self.rejected = self.rejected or Cause("claims", self.devices.rejected)
        self.resources = ResourceFilter(asked, self.devices.extended if self.devices else ())
        self.all: list[Filter] = [GateFilter(asked)]
        if asked.selector != ANY_NODE:
            self.all.append(SelectorFilter(asked, check_time))
        if asked.ports:
            self.all.append(PortFilter(asked))
        self.all.append(self.resources)
        between_pods = [] if asked.bound else _between_pods(fleet, asked, check_time)
        self.look_at_pods = bool(between_pods)
        """Whether some read the pods of several nodes."""
        self.all += between_pods
        if self.devices is not None:
            self.all.append(self.devices)
        if asked.features:
            self.all.append(FeatureFilter(asked))
        self.topology_keys = sorted({key for each in self.all for key in each.topology_keys})
        self.positions: Sequence[int] = range(len(fleet.nodes))
        """The positions in the fleet of the nodes that are checked."""
        if self.rejected is not None:
            self.positions = ()
        elif named is not None:
            names = frozenset(named)
            self.positions = [each for each in self.positions if fleet.nodes[each].name in names]

    @property
    def local(self) -> Sequence[Filter]:
        """Return the filters that read nothing but a node's own pods, without that of devices."""
        return [each for each in self.all if not each.topology_keys and each is not self.devices]

    @property
    def have_met_unknown(self) -> bool:
        """Return whether the pod's rules may select pods whose labels aren't known."""
        return any(each.has_met_unknown for each in self.all)

    def check(self, node: FleetNode, filters: Iterable[Filter]) -> Rejection | None:
        """Return why some filters reject a node, with or without nominated pods; None if none does."""
        self._check_time()
        nominated = self.nominated(node)
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

    def room(self, node: FleetNode) -> int:
        """Return how many replicas a node has room for, by its resources and ports alone."""
        room = self.resources.room(node.with_pods(self.nominated(node)))
        return min(room, 1) if self._asked.ports else room

    def nominated(self, node: FleetNode) -> Sequence[FitPod]:
        """Return the nominated pods of a node that count for this one."""
        return [pod for pod in node.nominated if pod.priority >= self._asked.priority]


def _between_pods(fleet: Fleet, asked: AskedPod, check_time: Check) -> list[Filter]:
    """Return the filters that check rules between pods, where there are some."""
    filters: list[Filter] = [SpreadFilter(asked, fleet, check_time)] if asked.spread else []
    affinity = PodAffinityFilter(asked, fleet, check_time)
    return [*filters, affinity] if affinity.applies else filters


def _device_filter(fleet: Fleet, asked: AskedPod, check_time: Check) -> DeviceFilter | None:
    """Return the search for devices; None for a pod that requests none."""
    serving = fleet.devices.serving
    if not asked.claims and not (serving and any(name in serving for name, _ in asked.request)):
        return None
    return DeviceFilter(asked, fleet.devices, check_time)


def _named_nodes(asked: AskedPod) -> tuple[Cause | None, Iterable[str] | None]:
    """Return why no node is checked, and the only nodes that are; None for all (the PreFilter plugins)."""
    names = asked.selector.node_names
    if names is not None and not names:
        return Cause("node_selector", "pod affinity terms conflict"), None
    if not asked.node_name:
        return None, names
    if names is not None and asked.node_name not in names:
        text = "node(s) didn't satisfy plugin(s) [NodeAffinity NodeName] simultaneously"
        return Cause("node_name", text), None
    return None, {asked.node_name}
