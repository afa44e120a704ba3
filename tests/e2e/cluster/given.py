"""The cluster that a test session drives: the one KUBECONFIG names, or a control plane of our own."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster.control_plane import ControlPlane


class UnavailableError(Exception):
    """A test needs what the given cluster does not offer; the message is a reason to skip it with."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster: `control_plane` is None if it was given, `started` tells if this session did."""

    kubeconfig: Path
    control_plane: ControlPlane | None
    started: bool

    def require_control_plane(self) -> ControlPlane:
        """Return the control plane, to end its processes. Raise UnavailableError for a given cluster."""
        if self.control_plane is None:
            raise UnavailableError(
                f"it kills and restarts the control plane, which is not ours in KUBECONFIG={self.kubeconfig}"
            )
        return self.control_plane

    def close(self) -> None:
        """Take down what this session started; leave a cluster that was there before as it is."""
        if self.started and self.control_plane is not None:
            self.control_plane.down()


def open_cluster() -> Cluster:
    """Return the cluster that KUBECONFIG names, or else ours, built and started where needed."""
    control_plane = ControlPlane()
    given = os.environ.get("KUBECONFIG", "")
    if given and Path(given).resolve() != control_plane.kubeconfig:
        if not Path(given).is_file():
            raise FileNotFoundError(f"KUBECONFIG={given}: no such file (one path is read, not a list)")
        return Cluster(Path(given).resolve(), control_plane=None, started=False)
    started = control_plane.up()
    return Cluster(control_plane.kubeconfig, control_plane, started)
