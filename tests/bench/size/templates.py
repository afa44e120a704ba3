"""The JSON of a node (11 KB) and of pods (7 KB), with holes that are filled with numbers.

Every hole takes texts of one length, so an object's other bytes are always the same.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

_HOLE = re.compile(rb"@(\w+)@")

PRODUCTS = ("NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-80GB", "NVIDIA-L40S", "NVIDIA-H200")
GPUS_PER_NODE = 8


class Template:
    """An object's JSON with holes."""

    def __init__(self, manifest: dict[str, Any], holes: Sequence[str]) -> None:
        """Take an object in which `@name@` stands for the text of a hole; `holes` are all their names."""
        text = json.dumps(manifest, separators=(",", ":")).encode().replace(b"%", b"%%")
        order = [holes.index(name.decode()) for name in _HOLE.findall(text)]
        self._format = _HOLE.sub(b"%b", text)
        self._order = order

    def filled(self, values: Sequence[bytes]) -> bytes:
        """Return the object's JSON with the holes' texts, in the order of `holes`."""
        return self._format % tuple([values[at] for at in self._order])


NODE_HOLES = ("number", "version", "ready")
POD_HOLES = ("number", "node", "version", "job", "uid", "started")


def node(product: str) -> Template:
    """Return a node with 8 GPUs of a product, as a kubelet and GPU feature discovery describe it."""
    name = "node-@number@"
    capacity = {
        "cpu": "192",
        "ephemeral-storage": "3748905484Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": "2113406540Ki",
        "nvidia.com/gpu": str(GPUS_PER_NODE),
        "pods": "110",
    }
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "gpu-8",
        "topology.kubernetes.io/region": "east",
        "topology.kubernetes.io/zone": "east-1",
        "nvidia.com/gpu.count": str(GPUS_PER_NODE),
        "nvidia.com/gpu.family": "hopper",
        "nvidia.com/gpu.memory": "81559",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.replicas": "1",
        "nvidia.com/mig.capable": "true",
        "nvidia.com/mig.strategy": "single",
        **{f"feature.node.kubernetes.io/cpu-cpuid.FLAG{flag:02}": "true" for flag in range(40)},
    }
    conditions = [
        _condition(kind, "False", f"Kubelet has no {kind}")
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
    ]
    return Template(
        {
            "metadata": {
                "name": name,
                "uid": "00000000-0000-4000-8000-00000@number@",
                "resourceVersion": "@version@",
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": labels,
                "annotations": {
                    "node.alpha.kubernetes.io/ttl": "0",
                    "nfd.node.kubernetes.io/feature-labels": ",".join(labels),
                },
                "managedFields": [_managed("kubelet", "status", labels)],
            },
            "spec": {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"], "providerID": f"cloud:///{name}"},
            "status": {
                "capacity": capacity,
                "allocatable": {**capacity, "cpu": "191500m", "memory": "2111304236Ki"},
                "conditions": [
                    *conditions,
                    _condition("Ready", "@ready@", "kubelet is posting ready status"),
                ],
                "addresses": [
                    {"type": "InternalIP", "address": "10.1.2.3"},
                    {"type": "Hostname", "address": name},
                ],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
                "nodeInfo": {
                    "kubeletVersion": "v1.37.2",
                    "osImage": "Debian GNU/Linux 13",
                    "architecture": "amd64",
                },
                "images": [
                    {"names": [f"registry.example.com/team/image-{image:02}:1.2.3"], "sizeBytes": 10**9}
                    for image in range(25)
                ],
            },
        },
        NODE_HOLES,
    )


def pod(namespace: str, gpus: int) -> Template:
    """Return a running pod of a Job; it requests that many GPUs, and none at 0."""
    name = "job-@job@-@number@"
    labels = {
        "app": "train" if gpus else "serve",
        "batch.kubernetes.io/job-name": "job-@job@",
        "job-name": "job-@job@",
        "team": namespace,
    }
    requests = {"cpu": "2", "memory": "8Gi"}
    units = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    container = {
        "name": "main",
        "image": "registry.example.com/team/train:1.2.3",
        "command": ["python", "-m", "train"],
        "args": [f"--option-{number:02}=value" for number in range(20)],
        "env": [{"name": f"SETTING_{number:02}", "value": "x" * 40} for number in range(30)],
        "resources": {"requests": {**requests, **units}, "limits": {"memory": "8Gi", **units}},
        "volumeMounts": [
            {
                "name": "kube-api-access",
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            }
        ],
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }
    return Template(
        {
            "metadata": {
                "name": name,
                "generateName": "job-@job@-",
                "namespace": namespace,
                "uid": "@uid@",
                "resourceVersion": "@version@",
                "creationTimestamp": "@started@",
                "labels": labels,
                "annotations": {"example.com/notes": "y" * 600},
                "ownerReferences": [_owner()],
                "managedFields": [
                    _managed("kube-controller-manager", "", labels),
                    _managed("kubelet", "status", labels),
                ],
            },
            "spec": {
                "nodeName": "node-@node@",
                "containers": [container],
                "restartPolicy": "Never",
                "schedulerName": "default-scheduler",
                "serviceAccountName": "default",
                "priority": 0,
                "tolerations": [
                    {
                        "key": f"node.kubernetes.io/{key}",
                        "operator": "Exists",
                        "effect": "NoExecute",
                        "tolerationSeconds": 300,
                    }
                    for key in ("not-ready", "unreachable")
                ],
                "volumes": [
                    {
                        "name": "kube-api-access",
                        "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
                    }
                ],
            },
            "status": {
                "phase": "Running",
                "startTime": "@started@",
                "podIP": "10.2.3.4",
                "hostIP": "10.1.2.3",
                "qosClass": "Burstable",
                "conditions": [
                    _condition(kind, "True", "")
                    for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
                ],
                "containerStatuses": [
                    {
                        "name": "main",
                        "ready": True,
                        "started": True,
                        "restartCount": 0,
                        "image": "registry.example.com/team/train:1.2.3",
                        "imageID": "registry.example.com/team/train@sha256:" + "0" * 64,
                        "containerID": "containerd://" + "0" * 64,
                        "state": {"running": {"startedAt": "@started@"}},
                    }
                ],
            },
        },
        POD_HOLES,
    )


def _owner() -> dict[str, object]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "job-@job@",
        "uid": "00000000-0000-4000-9000-00000@job@",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _condition(kind: str, status: str, message: str) -> dict[str, object]:
    when = "2026-01-01T00:00:00Z"
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": when,
        "lastHeartbeatTime": when,
        "message": message,
    }


def _managed(manager: str, subresource: str, labels: dict[str, str]) -> dict[str, object]:
    fields = {
        "f:metadata": {"f:labels": {f"f:{name}": {} for name in labels}},
        "f:spec": {f"f:field{at}": {} for at in range(40)},
    }
    found: dict[str, object] = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
    }
    return {
        **found,
        "time": "2026-01-01T00:00:00Z",
        "fieldsV1": fields,
        **({"subresource": subresource} if subresource else {}),
    }
