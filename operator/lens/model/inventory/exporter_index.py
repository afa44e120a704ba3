"""The pods that report telemetry, by node. A change reads the pods of its node alone."""

from collections.abc import Callable, Mapping

from lens.model.gpu.exporters import DaemonSet, ExporterPod
from lens.model.inventory.objects.pod_key import PodKey
from lens.model.shards import Shards

NO_EXPORTERS: Shards[str, ExporterPod] = Shards()


class ExporterIndex:
    """The exporters. Of several on a node, the first by name is scraped. The index has one writer."""

    def __init__(
        self, daemonset: str | None, counts: Callable[[str], bool], *, all_nodes_counted: bool
    ) -> None:
        """Start empty. With the name of a ``daemonset``, only its pods are exporters.

        ``counts`` returns whether the exporter of a node is scraped here. With ``all_nodes_counted`` all are.
        """
        self._daemonset = daemonset
        self._counts = counts
        self._all_nodes_counted = all_nodes_counted
        self._daemonsets: dict[PodKey, DaemonSet] = {}
        self._on_node: dict[str, dict[PodKey, ExporterPod]] = {}
        self._touched: set[str] = set()
        self._is_stale = False
        self._exporters = NO_EXPORTERS
        self._nodes = 0

    @property
    def daemonsets(self) -> Mapping[PodKey, DaemonSet]:
        """Return the stored DaemonSets."""
        return self._daemonsets

    def put(self, key: PodKey, before: ExporterPod | None, after: ExporterPod | None) -> None:
        """Replace the pod of a key; None is no pod."""
        if before is not None:
            pods = self._on_node[before.node]
            del pods[key]
            if not pods:
                del self._on_node[before.node]
            self._touched.add(before.node)
        if after is not None:
            self._on_node.setdefault(after.node, {})[key] = after
            self._touched.add(after.node)

    def put_daemonset(self, key: PodKey, daemonset: DaemonSet | None) -> None:
        """Store a DaemonSet; None removes it."""
        self._is_stale = True
        before = self._daemonsets.pop(key, None)
        if daemonset is not None:
            self._daemonsets[key] = daemonset
        if (before and before.uid) != (daemonset and daemonset.uid):
            # Other pods are its own now.
            self._touched.update(self._on_node)

    def node_changed(self, name: str) -> None:
        """Check again whether a node is counted."""
        if name in self._on_node:
            self._touched.add(name)

    def current(self) -> tuple[Shards[str, ExporterPod], int]:
        """Return the exporter to scrape, by node, and the number of nodes that have or should have one.

        The exporters are the same object as before if none has changed.
        """
        changes: dict[str, ExporterPod | None] = {}
        for name in self._touched:
            if (found := self._chosen(name)) != self._exporters.get(name):
                changes[name] = found
        self._touched.clear()
        if changes:
            self._exporters = self._exporters.updated(changes)
        if changes or self._is_stale:
            self._nodes = max(len(self._exporters), self._desired())
            self._is_stale = False
        return self._exporters, self._nodes

    def _chosen(self, node: str) -> ExporterPod | None:
        pods = self._on_node.get(node)
        if pods is None or not self._counts(node):
            return None
        return next((pod for _, pod in sorted(pods.items()) if self._is_exporter(pod)), None)

    def _is_exporter(self, pod: ExporterPod) -> bool:
        if self._daemonset is None:
            return True
        found = self._daemonsets.get(PodKey(pod.namespace, self._daemonset))
        return found is not None and pod.controller_uid == found.uid

    def _desired(self) -> int:
        """Return on how many nodes the DaemonSet should have a pod; 0 if that is unknown.

        DaemonSets of the same name in other namespaces may be stored, too.
        """
        if not self._all_nodes_counted:
            return 0
        exporter = next(iter(self._exporters.values()), None)
        return sum(
            daemonset.desired
            for key, daemonset in self._daemonsets.items()
            if key.name == self._daemonset and (exporter is None or key.namespace == exporter.namespace)
        )
