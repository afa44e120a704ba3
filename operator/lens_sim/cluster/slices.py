"""The simulated ResourceSlices, as NVIDIA's DRA driver publishes a node's GPUs.

Source: kubernetes-sigs/dra-driver-nvidia-gpu, cmd/gpu-kubelet-plugin/deviceinfo.go.
"""

import random

from lens_sim.cluster.nodes import Node
from lens_sim.objects.names import made_up
from lens_sim.objects.resources import Object
from lens_sim.objects.timestamps import rfc3339

DRIVER = "gpu.nvidia.com"

_FIRST_SLOT = 6
"""The PCI device number of the first GPU, as the simulated NVML has it."""


def device_name(node: Node, uuid: str) -> str:
    """Return the driver's name of a GPU: `gpu-0`, and so on."""
    return f"gpu-{node.devices.uuids.index(uuid)}"


def resource_slice(node: Node, uid: str) -> Object:
    """Return the ResourceSlice of a node with this uid, which is the whole of a pool."""
    chance = random.Random(node.name)  # noqa: S311 - what it is called makes nothing else happen
    owner = {"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": uid, "controller": True}
    return {
        "metadata": {
            "name": f"{node.name}-{DRIVER}-{made_up(5, chance)}",
            "generateName": f"{node.name}-{DRIVER}-",
            "creationTimestamp": rfc3339(node.created),
            "ownerReferences": [owner],
        },
        "spec": {
            "driver": DRIVER,
            "nodeName": node.name,
            "pool": {"name": node.name, "generation": 1, "resourceSliceCount": 1},
            "devices": [_device(node, uuid) for uuid in node.devices.uuids],
        },
    }


def _device(node: Node, uuid: str) -> Object:
    slot = _FIRST_SLOT + node.devices.uuids.index(uuid)
    device: Object = {
        "name": device_name(node, uuid),
        "attributes": {
            "type": {"string": "gpu"},
            "uuid": {"string": uuid},
            "productName": {"string": node.pool.product},
            "brand": {"string": "Nvidia"},
            "architecture": {"string": "Ampere"},
            "cudaComputeCapability": {"version": "8.0.0"},
            "cudaDriverVersion": {"version": "13.0.0"},
            "driverVersion": {"version": "580.159.4"},
            "resource.kubernetes.io/pciBusID": {"string": f"0000:00:{slot:02x}.0"},
            "resource.kubernetes.io/pcieRoot": {"string": "pci0000:00"},
        },
        "capacity": {"memory": {"value": f"{node.pool.memory_mib}Mi"}},
    }
    if uuid == node.devices.unhealthy and node.changed is not None:
        taint = {"key": f"{DRIVER}/unhealthy", "effect": "NoSchedule", "timeAdded": rfc3339(node.changed)}
        device["taints"] = [taint]
    return device
