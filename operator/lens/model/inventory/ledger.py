"""The ledger: pods, nodes and what DRA hands out, updated change by change, and the snapshots made from them.

A snapshot recounts the nodes that were touched. A node's figures always come from everything that is stored
for it, so a change that is applied twice, late or by a new list leaves no trace that a recount would not.
"""

from collections.abc import Mapping

from lens.model.gpu.exporters import DaemonSet, ExporterPod
from lens.model.inventory.dra.claim_uses import needs_index
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.dra.index import DeviceIndex
from lens.model.inventory.dra.single_claims import NodeClaims
from lens.model.inventory.dra.tally import tally
from lens.model.inventory.exporter_index import ExporterIndex
from lens.model.inventory.objects.claim import Claim
from lens.model.inventory.objects.device import NO_NODE
from lens.model.inventory.objects.device_class import DeviceClass
from lens.model.inventory.objects.node import Node
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.inventory.objects.slice import Slice
from lens.model.inventory.objects.taint_rule import TaintRule
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy, occupancy, takes
from lens.model.inventory.occupancy.placement import NO_PLACEMENT, Placement
from lens.model.inventory.occupancy.resource_count import by_driver
from lens.model.inventory.snapshot import EMPTY, Snapshot, Unattached
from lens.model.inventory.totals import Totals
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.node_selection import ALL_NODES, NodeSelection
from lens.model.k8s.taints import TaintPolicy


class Ledger:
    """The ledger. It has one writer."""

    def __init__(
        self,
        taints: TaintPolicy,
        daemonset: str | None = None,
        drivers: GpuDrivers | None = None,
        selection: NodeSelection = ALL_NODES,
    ) -> None:
        """Start empty. With the name of a ``daemonset``, only its pods are exporters.

        ``drivers`` are the DRA drivers of GPUs, by default those of all vendors. ``selection`` has the nodes
        that are counted, as the nodes that are stored tell, too.
        """
        self._taints = taints
        self._selection = selection
        self._pods: dict[PodKey, Pod | ExporterPod] = {}
        self._exporters = ExporterIndex(
            daemonset,
            lambda name: self._counts(self._nodes.get(name)),
            all_nodes_counted=not selection.requirements,
        )
        self._nodes: dict[str, Node] = {}
        self._holders: dict[str, dict[PodKey, Pod]] = {}
        self._placements: dict[str, Placement] = {}
        self._touched: set[str] = set()
        self._pending_touched: set[PodKey] = set()
        self._dra = DeviceIndex(self._pods, drivers or GpuDrivers())
        self._totals = Totals()
        self._snapshot = EMPTY

    @property
    def pods(self) -> Mapping[PodKey, Pod | ExporterPod]:
        """Return the stored pods."""
        return self._pods

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Return the stored nodes."""
        return self._nodes

    @property
    def daemonsets(self) -> Mapping[PodKey, DaemonSet]:
        """Return the stored DaemonSets."""
        return self._exporters.daemonsets

    @property
    def placements(self) -> Mapping[str, Placement]:
        """Return the known placements by node."""
        return self._placements

    @property
    def claims(self) -> Mapping[PodKey, Claim]:
        """Return the stored ResourceClaims."""
        return self._dra.claims

    @property
    def slices(self) -> Mapping[str, Slice]:
        """Return the stored ResourceSlices."""
        return self._dra.slices

    @property
    def device_classes(self) -> Mapping[str, DeviceClass]:
        """Return the stored DeviceClasses."""
        return self._dra.device_classes

    @property
    def taint_rules(self) -> Mapping[str, TaintRule]:
        """Return the stored DeviceTaintRules."""
        return self._dra.taint_rules

    def put_pod(self, key: PodKey, pod: Pod | ExporterPod | None) -> None:
        """Store a pod under its key; None removes it."""
        before = self._pods.pop(key, None)
        if pod is not None:
            self._pods[key] = pod
        reported = before if isinstance(before, ExporterPod) else None
        reports = pod if isinstance(pod, ExporterPod) else None
        if reported is not None or reports is not None:
            self._exporters.put(key, reported, reports)
        was = before if isinstance(before, Pod) else None
        now = pod if isinstance(pod, Pod) else None
        if was is not None and was.node:
            holders = self._holders[was.node]
            del holders[key]
            if not holders:
                del self._holders[was.node]
            self._touched.add(was.node)
        elif was is not None:
            self._pending_touched.add(key)
        if now is not None and now.node:
            self._holders.setdefault(now.node, {})[key] = now
            self._touched.add(now.node)
        elif now is not None:
            self._pending_touched.add(key)
        was = was if was is not None and needs_index(was) else None
        now = now if now is not None and needs_index(now) else None
        if was is not None or now is not None:
            self._dra.pod_changed(key, was, now)

    def put_node(self, name: str, node: Node | None) -> None:
        """Store a node under its name; None removes it."""
        self._touched.add(name)
        if self._selection.requirements:
            self._exporters.node_changed(name)
        if node is None:
            self._nodes.pop(name, None)
        else:
            self._nodes[name] = node

    def _counts(self, node: Node | None) -> bool:
        """Return whether what is on a node is counted here; None is a node that doesn't exist."""
        return self._selection.has_unlabelled if node is None else node.counted

    def put_placement(self, node: str, placement: Placement) -> None:
        """Store the placement of a node's units; NO_PLACEMENT removes it."""
        self._touched.add(node)
        if placement == NO_PLACEMENT:
            self._placements.pop(node, None)
        else:
            self._placements[node] = placement

    def put_daemonset(self, key: PodKey, daemonset: DaemonSet | None) -> None:
        """Store a DaemonSet; None removes it."""
        self._exporters.put_daemonset(key, daemonset)

    def put_claim(self, key: PodKey, claim: Claim | None) -> None:
        """Store a ResourceClaim under its key; None removes it."""
        self._dra.put_claim(key, claim)

    def put_slice(self, name: str, slice_: Slice | None) -> bool:
        """Store a ResourceSlice under its name; None removes it. Return whether anything may show that."""
        return self._dra.put_slice(name, slice_)

    def put_device_class(self, name: str, device_class: DeviceClass | None) -> None:
        """Store a DeviceClass under its name; None removes it."""
        self._dra.put_device_class(name, device_class)

    def put_taint_rule(self, name: str, rule: TaintRule | None) -> None:
        """Store a DeviceTaintRule under its name; None removes it."""
        self._dra.put_taint_rule(name, rule)

    def snapshot(self) -> Snapshot:
        """Return the current snapshot; the same object as before if no figure and no list has changed."""
        nodes, pods = self._dra.settle()
        self._touched |= nodes
        for key in pods:
            pod = self._pods.get(key)
            if isinstance(pod, Pod) and pod.node:
                self._touched.add(pod.node)
            else:
                self._pending_touched.add(key)
        unattached = self._snapshot.unattached
        if NO_NODE in self._touched:
            self._touched.remove(NO_NODE)
            gpus = self._dra.gpus(NO_NODE, NodeClaims(), takes_gpu_pods=True) if self._counts(None) else ()
            if gpus != unattached.gpus:
                unattached = Unattached(gpus, by_driver(tally(gpus)))
        changes: dict[str, NodeOccupancy | None] = {}
        for name in self._touched:
            after = self._occupancy(name)
            if after != self._snapshot.nodes.get(name):
                changes[name] = after
        self._touched.clear()
        waiting = self._pending_changes()
        exporters, exporter_nodes = self._exporters.current()
        problems = self._dra.problems
        last = self._snapshot
        if (
            changes
            or waiting
            or unattached is not last.unattached
            or problems is not last.problems
            or exporters is not last.exporters
            or exporter_nodes != last.exporter_nodes
        ):
            self._snapshot = self._totals.next_snapshot(
                last, changes, waiting, (exporters, exporter_nodes), unattached, problems
            )
        return self._snapshot

    def _occupancy(self, name: str) -> NodeOccupancy | None:
        """Return a node's occupancy; None for a node without GPUs."""
        node = self._nodes.get(name)
        if not self._counts(node):
            return None
        dra: tuple[HeldGpu, ...] = ()
        claims = NodeClaims()
        if self._dra.has_gpus(name):
            dra = self._dra.gpus(name, claims, takes_gpu_pods=takes(node, self._taints))
        known = claims.pods
        pods = [
            pod
            for key, stored in self._holders.get(name, {}).items()
            if (pod := known.get(key) or self._resolved(stored)).gpus or pod.fraction
        ]
        # A node may have no GPUs of its own, and pods that hold GPUs of no node.
        if node is not None and not node.offers and not dra and not any(pod.claimed_gpus for pod in pods):
            node = None
        if node is None and not any(pod.gpus for pod in pods) and not dra:
            return None
        return occupancy(name, node, pods, self._taints, self._placements.get(name, NO_PLACEMENT), dra)

    def _resolved(self, pod: Pod) -> Pod:
        return self._dra.resolved(pod) if needs_index(pod) else pod

    def _pending_changes(self) -> dict[str, Pod | None]:
        """Return the changes of pods that aren't bound."""
        changes: dict[str, Pod | None] = {}
        for key in self._pending_touched:
            pod = self._pods.get(key)
            after = self._waiting(pod) if isinstance(pod, Pod) and not pod.node else None
            if after != self._snapshot.pending.get(name := "/".join(key)):
                changes[name] = after
        self._pending_touched.clear()
        return changes

    def _waiting(self, pod: Pod) -> Pod | None:
        """Return a pod that isn't bound; None for one whose claims are of other devices than GPUs."""
        if not needs_index(pod):
            return pod
        resolved = self._dra.resolved(pod)
        asks = resolved.units or resolved.fraction or any(use.state != "missing" for use in resolved.uses)
        return resolved if asks else None
