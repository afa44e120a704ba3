"""A Lens that the cluster takes for a pod of its own, and who asks it.

The apiserver passes WebSockets on to a kubelet of the tests, since kwok's nodes have none;
tests/e2e/node has a real one.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.cluster.control_plane import ControlPlane
from tests.e2e.cluster.given import Cluster, UnavailableError
from tests.e2e.kubectl_lens.kubectl import Kubectl
from tests.e2e.kubectl_lens.objects import NODE, READY, account, pod, viewer
from tests.e2e.kubelet import Kubelet
from tests.e2e.lens import Lens


@pytest.fixture(scope="package")
def kubectl(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(cluster, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="package")
def lens(kubectl: Kubectl, service_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    """Give a Lens on this machine, which the cluster takes for its pod lens/lens-0."""
    folder = tmp_path_factory.mktemp("kubelet")
    with ExitStack() as stack:
        kubelet = Kubelet(folder)
        stack.callback(kubelet.stop)
        running = Lens.start(service_account, folder / "log", {"LENS_AUTH": "kubernetes"})
        stack.callback(running.stop)
        host, _, port = running.url.removeprefix("http://").rpartition(":")
        kubelet.forwards.addresses["lens/lens-0"] = (host, int(port))
        node = kubelet.node(NODE)
        stack.callback(kubectl.run, "delete", "node", NODE)
        stack.callback(kubectl.run, "-n", "lens", "delete", "pod", "lens-0", "--force", "--grace-period=0")
        kubectl.apply(node, pod(), account("lens-reader"), viewer("lens-reader"))
        kubectl.set_status("node", NODE, node["status"])
        kubectl.set_status("pod", "lens-0", READY)
        yield running


@pytest.fixture
def control_plane(cluster: Cluster) -> ControlPlane:
    """Return the control plane, if it is ours."""
    try:
        return cluster.require_control_plane()
    except UnavailableError as reason:
        pytest.skip(str(reason))
