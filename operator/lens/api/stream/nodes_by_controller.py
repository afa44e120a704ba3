"""The nodes with pods of a controller. If its workload changes, only these nodes are compared."""

from collections.abc import Collection

from lens.concurrency import slices
from lens.model.inventory.objects.pod import Controller
from lens.model.inventory.snapshot import EMPTY, Snapshot


class NodesByController:
    """An index that is advanced from snapshot to snapshot. For use by one job."""

    def __init__(self) -> None:
        """Start without nodes."""
        self._snapshot = EMPTY
        self._nodes: dict[Controller, set[str]] = {}

    async def advance(self, snapshot: Snapshot) -> None:
        """Advance to ``snapshot``, in slices and in time that grows with the difference.

        One that was cancelled meanwhile is of no use any more.
        """
        before, self._snapshot = self._snapshot, snapshot

        def update(name: str) -> None:
            was, now = _controllers(before, name), _controllers(snapshot, name)
            for controller in was - now:
                nodes = self._nodes[controller]
                nodes.remove(name)
                if not nodes:
                    del self._nodes[controller]
            for controller in now - was:
                self._nodes.setdefault(controller, set()).add(name)

        await slices.each(update, snapshot.nodes.differing(before.nodes))

    def nodes(self, controller: Controller) -> Collection[str]:
        """Return the names of the nodes that have pods of a controller."""
        return self._nodes.get(controller, ())


def _controllers(snapshot: Snapshot, name: str) -> set[Controller]:
    return {pod.controller for pod in snapshot.pods_at((name,), ()) if pod.controller is not None}
