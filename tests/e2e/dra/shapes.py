"""Nodes, pools of devices, classes and claims, in every form in which drivers hand out GPUs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.e2e.cluster.api import Manifest

GROUP = "resource.k8s.io/v1"
NVIDIA = "gpu.nvidia.com"
AMD = "gpu.amd.com"
CHANNELS = "compute-domain.nvidia.com"  # no GPUs

NAMESPACE = "dra"
ADMIN_NAMESPACE = "dra-admin"
TAINT = "nvidia.com/gpu"


@dataclass(frozen=True)
class Pool:
    """A driver's pool as it is published: its devices in slices, beside one of counter sets if it has any.

    `place` is where the devices can be used: fields of a slice's spec. `missing` slices are not published.
    """

    driver: str
    name: str
    devices: tuple[Manifest, ...]
    place: Mapping[str, Any]
    slices: int = 1
    counters: tuple[Manifest, ...] = ()
    generation: int = 1
    missing: int = 0

    def manifests(self) -> list[Manifest]:
        """Return the ResourceSlices of this generation, in the order in which they are written."""
        parts: list[Manifest] = [
            {"devices": list(self.devices[index :: self.slices])} for index in range(self.slices)
        ]
        if self.counters:
            parts.insert(0, {"sharedCounters": list(self.counters)})
        pool = {"name": self.name, "generation": self.generation, "resourceSliceCount": len(parts)}
        return [
            {
                "apiVersion": GROUP,
                "kind": "ResourceSlice",
                "metadata": {"name": f"{self.name}-{self.driver}-{index}"},
                "spec": {"driver": self.driver, "pool": pool, **self._place(part), **part},
            }
            for index, part in enumerate(parts[: len(parts) - self.missing])
        ]

    def _place(self, part: Manifest) -> Mapping[str, Any]:
        # A slice of counter sets names no devices that could choose their nodes.
        return {"allNodes": True} if "sharedCounters" in part and "nodeName" not in self.place else self.place

    def next(self, **changes: Any) -> "Pool":
        """Return the pool's next generation."""
        return replace(self, generation=self.generation + 1, **changes)


@dataclass(frozen=True)
class GpuNode:
    """A node and the pools of the drivers that run on it."""

    name: str
    pools: tuple[Pool, ...] = ()
    units: int = 0  # of a device plugin
    tainted: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    def manifest(self) -> Manifest:
        """Return the Node."""
        capacity = {"cpu": "96", "memory": "768Gi", "pods": "110"}
        if self.units:
            capacity["nvidia.com/gpu"] = str(self.units)
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name,
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {"kubernetes.io/hostname": self.name, **self.labels},
            },
            "spec": {"taints": [{"key": TAINT, "effect": "NoSchedule"}] if self.tainted else []},
            "status": {"capacity": capacity, "allocatable": capacity},
        }


def whole_gpus(node: str, count: int, **fields: Any) -> tuple[Manifest, ...]:
    """Return devices that are a GPU each."""
    return tuple(_device(f"gpu-{index}", "gpu", f"GPU-{node}-{index}", **fields) for index in range(count))


def partitionable(node: str, count: int) -> tuple[tuple[Manifest, ...], tuple[Manifest, ...]]:
    """Return devices and counter sets of GPUs that can be had whole, by halves or by quarters."""
    devices: list[Manifest] = []
    for gpu in range(count):
        name = f"gpu-{gpu}"
        for profile, parts in (("whole", 1), ("half", 2), ("quarter", 4)):
            draws = {"counterSet": name, "counters": {"slices": {"value": str(4 // parts)}}}
            for part in range(parts):
                kind = "gpu" if parts == 1 else "mig"
                each = _device(name if parts == 1 else f"{name}-{profile}-{part}", kind, f"GPU-{node}-{gpu}")
                each["attributes"]["profile"] = {"string": profile}
                devices.append({**each, "consumesCounters": [draws]})
    sets = tuple({"name": f"gpu-{gpu}", "counters": {"slices": {"value": "4"}}} for gpu in range(count))
    return tuple(devices), sets


def mig_devices(node: str, count: int) -> tuple[Manifest, ...]:
    """Return MIG devices without counters, two on each GPU, which they name."""
    devices = []
    for index in range(2 * count):
        device = _device(f"gpu-{index // 2}-static-{index % 2}", "mig", f"MIG-{node}-{index}")
        device["attributes"]["parentUUID"] = {"string": f"GPU-{node}-{index // 2}"}
        device["attributes"]["profile"] = {"string": "half"}
        devices.append(device)
    return tuple(devices)


def shareable(node: str, count: int) -> tuple[Manifest, ...]:
    """Return devices whose memory many claims share."""
    memory = {"value": "80Gi", "requestPolicy": {"default": "10Gi", "validRange": {"min": "10Gi"}}}
    return tuple(
        {
            **_device(f"gpu-{index}", "shared", f"GPU-{node}-{index}"),
            "capacity": {"memory": memory},
            "allowMultipleAllocations": True,
        }
        for index in range(count)
    )


def _device(name: str, kind: str, uuid: str, **fields: Any) -> Manifest:
    attributes: Manifest = {
        "type": {"string": kind},
        "uuid": {"string": uuid},
        "productName": {"string": "NVIDIA H100 80GB HBM3"},
        "driverVersion": {"version": "580.65.6"},
    }
    return {"name": name, "attributes": attributes, "capacity": {"memory": {"value": "80Gi"}}, **fields}


def nodes() -> list[GpuNode]:
    """Return the scenario's nodes."""
    return [
        *(_node(f"dra-h100-{index}", 8, tainted=index == 0) for index in range(3)),
        *(_node(f"dra-split-{index}", 8, slices=3) for index in range(2)),
        *(_partitioned(f"dra-mig-{index}") for index in range(2)),
        GpuNode("dra-static", (Pool(NVIDIA, "dra-static", mig_devices("dra-static", 2), _on("dra-static")),)),
        GpuNode("dra-shared", (Pool(NVIDIA, "dra-shared", shareable("dra-shared", 3), _on("dra-shared")),)),
        GpuNode(
            "dra-amd",
            # Two drivers may name their pools alike.
            (
                Pool(AMD, "dra-amd", whole_gpus("dra-amd", 4), _on("dra-amd")),
                Pool(CHANNELS, "dra-amd", whole_gpus("dra-amd", 16), _on("dra-amd")),
            ),
        ),
        _node("dra-half", 8, slices=2, missing=1),
        GpuNode("dra-plugin", units=8),
        # A device plugin and a driver offer what may be the same GPUs.
        GpuNode("dra-both", (Pool(NVIDIA, "dra-both", whole_gpus("dra-both", 6), _on("dra-both")),), units=4),
        GpuNode("dra-fabric", labels={"fabric": "a"}),
    ]


def pools_of_no_node() -> list[Pool]:
    """Return the pools whose devices can be reached from many nodes, and one of a node that doesn't exist."""
    selector = {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "fabric", "operator": "In", "values": ["a"]}]}]
    }
    mixed = (
        {**whole_gpus("mixed", 1)[0], "nodeName": "dra-fabric"},
        {**whole_gpus("mixed", 2)[1], "allNodes": True},
        {**whole_gpus("mixed", 3)[2], "nodeSelector": selector},
    )
    return [
        Pool(NVIDIA, "anywhere", whole_gpus("anywhere", 2), {"allNodes": True}),
        Pool(NVIDIA, "selected", whole_gpus("selected", 2), {"nodeSelector": selector}),
        Pool(NVIDIA, "mixed", mixed, {"perDeviceNodeSelection": True}),
        Pool(NVIDIA, "dra-never-made", whole_gpus("dra-never-made", 4), _on("dra-never-made")),
    ]


def classes() -> list[Manifest]:
    """Return the classes; NVIDIA's whole GPUs also serve the device plugin's resource."""
    own = f"device.driver == '{NVIDIA}' && device.attributes['{NVIDIA}'].type"
    expressions = {
        "gpu": f"{own} == 'gpu'",
        "partition": f"{own} == 'mig'",
        "shared": f"{own} == 'shared'",
        "amd": f"device.driver == '{AMD}'",
        "channel": f"device.driver == '{CHANNELS}'",
    }
    return [
        {
            "apiVersion": GROUP,
            "kind": "DeviceClass",
            "metadata": {"name": f"dra-{name}"},
            "spec": {
                "selectors": [{"cel": {"expression": expression}}],
                **({"extendedResourceName": "nvidia.com/gpu"} if name == "gpu" else {}),
            },
        }
        for name, expression in expressions.items()
    ]


def requests() -> dict[str, Manifest]:
    """Return what claims ask for, by the name of the template that asks it."""
    maintained = [{"key": "maintenance", "operator": "Exists"}]
    return {
        "one": exactly("dra-gpu"),
        "three": exactly("dra-gpu", count=3),
        "tolerant": exactly("dra-gpu", tolerations=maintained),
        "partition": exactly("dra-partition"),
        "halves": exactly("dra-partition", count=2, selectors=[_profile("half")]),
        "either": {
            "firstAvailable": [
                {"name": "small", "deviceClassName": "dra-partition", "selectors": [_profile("quarter")]},
                {"name": "large", "deviceClassName": "dra-gpu"},
            ]
        },
        "memory": exactly("dra-shared", capacity={"requests": {"memory": "30Gi"}}),
        "amd": exactly("dra-amd", count=2),
        "channel": exactly("dra-channel"),
    }


def exactly(device_class: str, **fields: Any) -> Manifest:
    """Return a request for devices of one class."""
    return {"exactly": {"deviceClassName": device_class, **fields}}


def claim_template(name: str, request: Manifest) -> Manifest:
    """Return a ResourceClaimTemplate of one request."""
    return {
        "apiVersion": GROUP,
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"spec": {"devices": {"requests": [{"name": "main", **request}]}}},
    }


def claim(name: str, request: Manifest, namespace: str = NAMESPACE) -> Manifest:
    """Return a ResourceClaim of one request, for any number of pods."""
    return {
        "apiVersion": GROUP,
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"devices": {"requests": [{"name": "main", **request}]}},
    }


def pod(
    name: str,
    *,
    namespace: str = NAMESPACE,
    template: str = "",
    claims: Sequence[str] = (),
    limits: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a pod that asks by a template's claim, by claims that exist, and by extended resources."""
    named: list[Manifest] = [
        {"name": f"claim-{index}", "resourceClaimName": each} for index, each in enumerate(claims)
    ]
    if template:
        named.append({"name": "own", "resourceClaimTemplateName": template})
    container = {
        "name": "main",
        "image": "none",
        "resources": {
            "claims": [{"name": each["name"]} for each in named],
            "limits": {**(limits or {}), "cpu": "1"},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "containers": [container],
            "resourceClaims": named,
            "tolerations": [{"key": TAINT, "operator": "Exists"}],
        },
    }


def taint_rule(name: str, effect: str, **selector: str) -> Manifest:
    """Return a DeviceTaintRule for the devices that have all of `selector`: driver, pool, device."""
    return {
        "apiVersion": GROUP,
        "kind": "DeviceTaintRule",
        "metadata": {"name": name},
        "spec": {"deviceSelector": selector, "taint": {"key": "maintenance", "effect": effect}},
    }


def _node(name: str, count: int, *, tainted: bool = False, **fields: Any) -> GpuNode:
    devices = list(whole_gpus(name, count))
    devices[-1] |= {"taints": [{"key": "xid", "value": "79", "effect": "NoSchedule"}]}
    devices[-2] |= {"taints": [{"key": "warm", "effect": "None"}]}
    return GpuNode(name, (Pool(NVIDIA, name, tuple(devices), _on(name), **fields),), tainted=tainted)


def _partitioned(name: str) -> GpuNode:
    devices, sets = partitionable(name, 3)
    return GpuNode(name, (Pool(NVIDIA, name, devices, _on(name), counters=sets),))


def _on(node: str) -> Mapping[str, Any]:
    return {"nodeName": node}


def _profile(name: str) -> Manifest:
    return {"cel": {"expression": f"device.attributes['{NVIDIA}'].profile == '{name}'"}}
