"""A pod of somebody who calls Lens from within the cluster, with curl and jq in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.node.commands import Commands
from tests.e2e.node.host import images

POD = "caller"


@contextmanager
def calling_pod(commands: Commands, namespace: str) -> Iterator[str]:
    """Run the pod `caller` in a namespace, as Pod Security `restricted` wants pods, and delete it."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "main", "image": images.CALLER, "securityContext": security}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": namespace},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    commands.apply(pod)
    commands.kubectl("-n", namespace, "wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=60s")
    yield POD
    commands.kubectl("-n", namespace, "delete", "pod", POD)
