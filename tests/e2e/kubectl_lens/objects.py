"""The objects that Lens and those who ask it need in the cluster."""

from collections.abc import Sequence
from typing import Any

from tests.e2e.lens import CLUSTER

NODE = "kubelet-of-the-tests"
LABELS = {
    "app.kubernetes.io/part-of": "lens",
    "app.kubernetes.io/component": "operator",
}
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
"""The status of a pod that is ready."""

FORWARD = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
)
"""The rules of who may forward a port to Lens."""


def pod(name: str = "lens-0", release: str = "lens") -> dict[str, Any]:
    """Return a pod of Lens on that node."""
    labels = {**LABELS, "app.kubernetes.io/instance": release}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "lens", "name": name, "labels": labels},
        "spec": {
            "serviceAccountName": "lens",
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "operator",
                    "image": "lens",
                    "env": [{"name": "LENS_CLUSTER", "value": CLUSTER}],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }


def account(name: str) -> dict[str, Any]:
    """Return a ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "lens", "name": name}}


def viewer(account: str) -> dict[str, Any]:
    """Return what lets a ServiceAccount see all of Lens."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"lens-viewer-{account}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lens-viewer"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "lens", "name": account}],
    }


def right(
    name: str, rules: Sequence[dict[str, Any]], account: str = "", user: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a Role in the namespace lens, and what gives it to a ServiceAccount, or to a user."""
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "namespace": "lens", "name": account}
    if user:
        subject = {"kind": "User", "apiGroup": group, "name": user}
    metadata = {"namespace": "lens", "name": name}
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": list(rules)}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [subject],
    }
    return role, binding
