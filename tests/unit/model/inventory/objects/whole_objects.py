"""One raw object of each kind that Lens watches, with all fields that Lens reads."""

import json
from typing import Any

Object = dict[str, Any]

_TIME = "2025-12-19T15:30:00Z"
_GPU = "nvidia.com/gpu"


def _meta(name: str, namespace: str | None = None) -> Object:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": "j", "controller": True}
    meta = {
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": "7",
        "creationTimestamp": _TIME,
        "deletionTimestamp": _TIME,
        "labels": {"app": "train", "runai-gpu-group": "g"},
        "annotations": {"gpu-memory": "2000"},
        "ownerReferences": [owner],
        "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
    }
    return meta if namespace is None else {**meta, "namespace": namespace}


_CONDITION = {"type": "Ready", "status": "True", "reason": "Done", "message": "done"}
_REQUIREMENTS = {"requests": {_GPU: "2", "cpu": "1"}, "limits": {_GPU: "2"}}
_ANTI_AFFINITY = [{"labelSelector": {"matchLabels": {"app": "train"}}, "topologyKey": "rack"}]

POD: Object = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": _meta("train-0", "team"),
    "spec": {
        "nodeName": "node-1",
        "priority": 5,
        "schedulerName": "default-scheduler",
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}],
        "nodeSelector": {"rack": "r1"},
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": _ANTI_AFFINITY}},
        "containers": [
            {"name": "main", "image": "train", "resources": _REQUIREMENTS, "ports": [{"hostPort": 80}]}
        ],
        "initContainers": [
            {"name": "side", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}
        ],
        "overhead": {"cpu": "1"},
        "resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "4"}},
        "resourceClaims": [
            {"name": "gpu", "resourceClaimName": "claim"},
            {"name": "more", "resourceClaimTemplateName": "template"},
        ],
    },
    "status": {
        "phase": "Running",
        "startTime": _TIME,
        "podIP": "10.0.0.1",
        "nominatedNodeName": "node-1",
        "conditions": [_CONDITION],
        "containerStatuses": [
            {
                "name": "main",
                "allocatedResources": {_GPU: "2", "cpu": "1"},
                "resources": _REQUIREMENTS,
                "allocatedResourcesStatus": [
                    {"name": _GPU, "resources": [{"resourceID": "GPU-1", "health": "Healthy"}]}
                ],
            }
        ],
        "initContainerStatuses": [{"name": "side"}],
        "allocatedResources": {"cpu": "1"},
        "resources": {"requests": {"cpu": "4"}},
        "resourceClaimStatuses": [{"name": "more", "resourceClaimName": "more-1"}],
        "extendedResourceClaimStatus": {
            "resourceClaimName": "extended",
            "requestMappings": [{"containerName": "main", "resourceName": "example.com/gpu"}],
        },
    },
}

_UNBOUND = {key: value for key, value in POD["spec"].items() if key != "nodeName"}
PENDING: Object = {
    **POD,
    "spec": {**_UNBOUND, "schedulingGates": [{"name": "quota"}]},
    "status": {"phase": "Pending", "conditions": [{**_CONDITION, "type": "PodScheduled", "status": "False"}]},
}

NODE: Object = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": _meta("node-1"),
    "spec": {"unschedulable": False, "taints": [{"key": "k", "value": "v", "effect": "PreferNoSchedule"}]},
    "status": {
        "capacity": {_GPU: "8", "cpu": "64", "pods": "110"},
        "allocatable": {_GPU: "8", "cpu": "64", "pods": "110"},
        "conditions": [_CONDITION],
        "declaredFeatures": ["SomeFeature"],
        "nodeInfo": {"kernelVersion": "6.1"},
    },
}

_DRIVER = "gpu.nvidia.com"

SLICE: Object = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceSlice",
    "metadata": _meta("node-1-a"),
    "spec": {
        "driver": _DRIVER,
        "pool": {"name": "node-1", "generation": 1, "resourceSliceCount": 1},
        "nodeName": "node-1",
        "perDeviceNodeSelection": False,
        "devices": [
            {
                "name": "gpu-0",
                "attributes": {
                    "uuid": {"string": "GPU-0abc"},
                    "productName": {"string": "H100"},
                    "numaNode": {"int": 1},
                    "driverVersion": {"version": "1.2.3"},
                    "resource.kubernetes.io/pciBusID": {"string": "0000:c1:00.0"},
                },
                "capacity": {"memory": {"value": "80Gi"}},
                "consumesCounters": [{"counterSet": "gpu-0", "counters": {"memory": {"value": "1"}}}],
                "taints": [{"key": "k", "value": "v", "effect": "None", "timeAdded": _TIME}],
                "allowMultipleAllocations": False,
                "bindingConditions": ["attached"],
            },
            {"name": "gpu-1"},
        ],
        "sharedCounters": [{"name": "gpu-0", "counters": {"memory": {"value": "7"}}}],
    },
}

_CLAIM_SPEC = {
    "devices": {
        "requests": [
            {
                "name": "main",
                "exactly": {
                    "deviceClassName": _DRIVER,
                    "allocationMode": "ExactCount",
                    "count": 1,
                    "adminAccess": False,
                    "selectors": [{"cel": {"expression": "true"}}],
                    "tolerations": [{"key": "k", "operator": "Exists"}],
                    "capacity": {"requests": {"memory": "1Gi"}},
                },
            },
            {"name": "other", "firstAvailable": [{"name": "small", "deviceClassName": _DRIVER, "count": 1}]},
        ],
        "constraints": [{"matchAttribute": "example.com/rack", "requests": ["main"]}],
        "config": [{"opaque": {"driver": _DRIVER, "parameters": {"depth": 1}}}],
    }
}
_RESULT = {"driver": _DRIVER, "pool": "node-1", "device": "gpu-0", "shareID": "s"}

CLAIM: Object = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaim",
    "metadata": _meta("claim", "team"),
    "spec": _CLAIM_SPEC,
    "status": {
        "allocation": {
            "devices": {
                "results": [
                    {
                        **_RESULT,
                        "request": "main",
                        "adminAccess": False,
                        "consumedCapacity": {"memory": "1Gi"},
                        "bindingConditions": ["attached"],
                        "bindingFailureConditions": ["failed"],
                    },
                    {"request": "other/small", "driver": _DRIVER, "pool": "node-1", "device": "gpu-1"},
                ]
            },
            "nodeSelector": {
                "nodeSelectorTerms": [
                    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}
                ]
            },
            "allocationTimestamp": _TIME,
        },
        "reservedFor": [{"resource": "pods", "name": "train-0", "uid": "uid-train-0"}],
        "devices": [{**_RESULT, "conditions": [_CONDITION], "data": {"any": 1}}],
    },
}

CLASS: Object = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "DeviceClass",
    "metadata": _meta(_DRIVER),
    "spec": {
        "selectors": [{"cel": {"expression": f'device.driver == "{_DRIVER}"'}}],
        "extendedResourceName": "example.com/gpu",
        "config": [{"opaque": {"driver": _DRIVER, "parameters": {"depth": 1}}}],
    },
}

RULE: Object = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "DeviceTaintRule",
    "metadata": _meta("rule"),
    "spec": {
        "deviceSelector": {"driver": _DRIVER, "pool": "node-1", "device": "gpu-0"},
        "taint": {"key": "k", "value": "v", "effect": "NoSchedule", "timeAdded": _TIME},
    },
}

TEMPLATE: Object = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaimTemplate",
    "metadata": _meta("template", "team"),
    "spec": {"metadata": {"labels": {"app": "train"}}, "spec": _CLAIM_SPEC},
}

NAMESPACE: Object = {"metadata": _meta("team"), "status": {"phase": "Active"}}

DAEMON_SET: Object = {"metadata": _meta("lens-agent", "lens"), "status": {"desiredNumberScheduled": 3}}


def with_value(whole: Object, path: tuple[Any, ...], value: object) -> Object:
    """Return a copy with another value at a place."""
    copied: Object = json.loads(json.dumps(whole))
    at(copied, path[:-1])[path[-1]] = value
    return copied


def without(whole: Object, path: tuple[Any, ...]) -> Object:
    """Return a copy without what is at a place."""
    copied: Object = json.loads(json.dumps(whole))
    del at(copied, path[:-1])[path[-1]]
    return copied


def at(whole: Any, path: tuple[Any, ...]) -> Any:
    """Return what is at a place."""
    for step in path:
        whole = whole[step]
    return whole


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the places of everything in an object."""
    own = [path] if path else []
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return own + [found for step, each in inner for found in places(each, (*path, step))]
