"""Raw objects of a large cluster, as large as an apiserver's are.

Nodes have 8 GPUs each. A device plugin offers them, or a DRA driver does, in one ResourceSlice for each node.
"""

import random
import uuid
from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

DRIVER = "gpu.nvidia.com"
CLASS = "h100.nvidia.com"
GPUS = 8
PRODUCT = "NVIDIA H100 80GB HBM3"
NAMESPACES = 50
CREATED = "2025-12-01T00:00:00Z"
UNTHOUGHT = {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": CREATED}


def node_name(number: int) -> str:
    """Return the name of a node."""
    return f"gpu-node-{number:05}"


def node(number: int, *, plugin: bool) -> Object:
    """Return a node; with a device ``plugin`` it has GPUs of its own."""
    name = node_name(number)
    room = {"cpu": "192", "memory": "2113496188Ki", "ephemeral-storage": "1855467520Ki", "pods": "110"}
    if plugin:
        room["nvidia.com/gpu"] = str(GPUS)
    conditions = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    return {
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/region": "europe-1",
                "topology.kubernetes.io/zone": f"europe-1{'abc'[number % 3]}",
                "node.kubernetes.io/instance-type": "h100-8",
                "nvidia.com/gpu.product": PRODUCT.replace(" ", "-"),
                "nvidia.com/gpu.memory": "81559",
                "nvidia.com/gpu.count": str(GPUS),
            },
            "managedFields": [UNTHOUGHT],
        },
        "spec": {"podCIDR": f"10.{number // 256}.{number % 256}.0/24"},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [
                {"type": each, "status": str(each == "Ready"), "lastHeartbeatTime": CREATED}
                for each in conditions
            ],
            "images": [
                {"names": [f"registry.example/image-{each}@sha256:{each:064x}"], "sizeBytes": 10**9}
                for each in range(20)
            ],
        },
    }


def pod(number: int, nodes: int, *, gpus: int = 0, claim: str | None = None) -> Object:
    """Return a running pod on one of the nodes: with GPUs of its device plugin, or with a claim."""
    name, namespace = f"job-{number:06}", f"team-{number % NAMESPACES}"
    uid = str(uuid.UUID(int=number + 1))
    # Few, since Lens reads owners for minutes, which is measured elsewhere.
    job = f"job-of-team-{number % NAMESPACES}"
    limits: Object = {"cpu": "4", "memory": "16Gi"}
    if gpus:
        limits["nvidia.com/gpu"] = str(gpus)
    container: Object = {
        "name": "train",
        "image": "registry.example/train:v1",
        "command": ["python", "-m", "train", "--config", f"/etc/train/{number % 7}.yaml"],
        "env": [{"name": f"SETTING_{each}", "value": f"the value of setting {each}"} for each in range(24)],
        "resources": {"limits": limits, "requests": {**limits, "cpu": "1", "memory": "4Gi"}},
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets", "readOnly": True}],
    }
    spec: Object = {
        "nodeName": node_name(number % nodes),
        "containers": [container],
        "schedulerName": "default-scheduler",
        "priority": 0,
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{each}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for each in ("not-ready", "unreachable")
        ],
        "volumes": [
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
        ],
    }
    status: Object = {
        "phase": "Running",
        "startTime": CREATED,
        "podIP": "10.0.0.1",
        "conditions": [
            {"type": each, "status": "True", "lastTransitionTime": CREATED}
            for each in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
        "containerStatuses": [
            {"name": "train", "ready": True, "restartCount": 0, "imageID": f"sha256:{7:064x}"}
        ],
    }
    if claim is not None:
        container["resources"]["claims"] = [{"name": "gpu"}]
        spec["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]
        status["resourceClaimStatuses"] = [{"name": "gpu", "resourceClaimName": claim}]
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "labels": {"app": f"train-{number % 97}", "job-name": job},
            "ownerReferences": [_owner("batch/v1", "Job", job, f"uid-of-{job}")],
            "managedFields": [UNTHOUGHT],
        },
        "spec": spec,
        "status": status,
    }


def resource_slice(number: int, *, generation: int = 1, tainted: bool = False, written: int = 0) -> Object:
    """Return the slice of a node's GPUs, as NVIDIA's driver has it.

    ``tainted`` is the GPU that claims get last. ``written`` changes nothing that anybody looks at.
    """
    name = node_name(number)
    devices = [_device(name, index) for index in range(GPUS)]
    if tainted:
        devices[_order(number)[-1]]["taints"] = [
            {"key": f"{DRIVER}/xid", "value": "79", "effect": "NoSchedule"}
        ]
    return {
        "metadata": {
            "name": f"{name}-{DRIVER}",
            "generateName": f"{name}-{DRIVER}-",
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Node", "name": name, "uid": name, "controller": True}
            ],
            "managedFields": [{**UNTHOUGHT, "manager": f"gpu-kubelet-plugin-{written}"}],
        },
        "spec": {
            "driver": DRIVER,
            "nodeName": name,
            "pool": {"name": name, "generation": generation, "resourceSliceCount": 1},
            "devices": devices,
        },
    }


def _owner(version: str, kind: str, name: str, uid: str) -> Object:
    return {"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}


def _device(node: str, index: int) -> Object:
    made_up = uuid.uuid5(uuid.NAMESPACE_DNS, f"{index}.{node}")
    return {
        "name": f"gpu-{index}",
        "attributes": {
            "type": {"string": "gpu"},
            "uuid": {"string": f"GPU-{made_up}"},
            "productName": {"string": PRODUCT},
            "brand": {"string": "Nvidia"},
            "architecture": {"string": "Hopper"},
            "cudaComputeCapability": {"version": "9.0.0"},
            "cudaDriverVersion": {"version": "13.0.0"},
            "driverVersion": {"version": "580.159.4"},
            "addressingMode": {"string": "None"},
            "resource.kubernetes.io/pciBusID": {"string": f"0000:{index * 16:02x}:00.0"},
            "resource.kubernetes.io/pcieRoot": {"string": f"pci0000:{index * 16:02x}"},
        },
        "capacity": {"memory": {"value": "81559Mi"}},
    }


def _order(node: int) -> list[int]:
    """Return a node's GPUs in the order in which claims get them, as coming and going leaves them."""
    return random.Random(node).sample(range(GPUS), GPUS)


def claim_name(number: int) -> str:
    """Return the name of the claim of a pod."""
    return f"job-{number:06}-gpu-x7k2p"


def claim(number: int, nodes: int) -> Object:
    """Return the claim of the pod with this number, which holds a GPU of the pod's node."""
    name, namespace, on = f"job-{number:06}", f"team-{number % NAMESPACES}", node_name(number % nodes)
    uid = str(uuid.UUID(int=number + 1))
    result = {
        "request": "gpu",
        "driver": DRIVER,
        "pool": on,
        "device": f"gpu-{_order(number % nodes)[number // nodes % GPUS]}",
    }
    only = {"key": "metadata.name", "operator": "In", "values": [on]}
    return {
        "metadata": {
            "name": claim_name(number),
            "generateName": f"{name}-gpu-",
            "namespace": namespace,
            "uid": str(uuid.UUID(int=2**64 + number)),
            "annotations": {"resource.kubernetes.io/pod-claim-name": "gpu"},
            "finalizers": ["resource.kubernetes.io/delete-protection"],
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid, "controller": True}
            ],
            "managedFields": [UNTHOUGHT],
        },
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": request()}]}},
        "status": {
            "allocation": {
                "devices": {"results": [result]},
                "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [only]}]},
                "allocationTimestamp": CREATED,
            },
            "reservedFor": [{"resource": "pods", "name": name, "uid": uid}],
        },
    }


def request(count: int = 1, *expressions: str) -> Object:
    """Return a request for devices of the class, which have to match CEL expressions."""
    asked: Object = {"deviceClassName": CLASS, "allocationMode": "ExactCount", "count": count}
    if expressions:
        asked["selectors"] = [{"cel": {"expression": each}} for each in expressions]
    return asked


def device_class() -> Object:
    """Return the class of the GPUs."""
    kind = f"device.attributes['{DRIVER}']"
    selected = f"device.driver == '{DRIVER}' && {kind}.type == 'gpu' && {kind}.productName == '{PRODUCT}'"
    return {"metadata": {"name": CLASS}, "spec": {"selectors": [{"cel": {"expression": selected}}]}}


def claims(pods: int, nodes: int) -> Iterator[Object]:
    """Give the claims of so many pods."""
    return (claim(number, nodes) for number in range(pods))
