"""Hypothesis strategies for pods and nodes as odd as an apiserver, or somebody beside it, can make them."""

from typing import Any

from hypothesis import strategies as st

from tests.recount_gpus import Reported

Object = dict[str, Any]

NODE_NAMES = ("n0", "n1", "n2")
POD_NAMES = ("p0", "p1", "p2", "p3")
NAMESPACES = ("a", "b", "kai-resource-reservation")

_RESOURCES = st.sampled_from(
    (
        *("nvidia.com/gpu",) * 6,
        *("amd.com/gpu",) * 3,
        *("amd.com/cpx_nps4", "amd.com/dpx_nps1", "amd.com/spx_nps1", "amd.com/cpx_"),
        *("nvidia.com/mig-1g.10gb", "nvidia.com/mig-3g.40gb", "nvidia.com/mig-1g.10gb.me"),
        *("nvidia.com/mig-2g.20gb", "nvidia.com/mig-4g.40gb", "nvidia.com/mig-1g.20gb"),
        *("nvidia.com/mig-1c.3g.20gb", "nvidia.com/mig-1g.35gb", "nvidia.com/mig-odd"),
        *("nvidia.com/gpu.shared",) * 2,
        *("gpu.intel.com/i915", "gpu.intel.com/xe", "gpu.intel.com/i915_monitoring"),
        "habana.ai/gaudi",
        "cpu",
        "memory",
        "example.com/fpga",
    )
)
_SMALL = st.integers(0, 4).map(str)
_ODD_QUANTITIES = (
    *("8", "16", "500m", "1.5", "0.1", ".5", "3.", "+2", "1e1", "1E0", "1k", "1Ki", "20e-1", "1500000u"),
    *("2147483647", 1, 2, 0, 0.5, 2.0),
)
_NO_QUANTITIES: tuple[Any, ...] = (
    *("", " 1", "1 ", "-1", "-0.5", "eight", "0x8", "1e", "1ee1", "1.2.3", ".", "NaN", "\u0661", "1KI"),
    *("9E", "1e30", "2147483648", -2, 2**31, None, True, [], {}),
)
_QUANTITIES = st.one_of(_SMALL, _SMALL, st.sampled_from(_ODD_QUANTITIES))
_RESOURCE_LISTS = st.dictionaries(_RESOURCES, _QUANTITIES, max_size=2)
_MAYBE_RESOURCE_LISTS = st.none() | _RESOURCE_LISTS
_REQUIREMENTS = st.one_of(
    st.fixed_dictionaries({"requests": _RESOURCE_LISTS}, optional={"limits": _MAYBE_RESOURCE_LISTS}),
    st.fixed_dictionaries({"limits": _RESOURCE_LISTS}, optional={"requests": _MAYBE_RESOURCE_LISTS}),
    st.none(),
)
_CONTAINER_NAMES = st.sampled_from(("c0", "c1", "c2"))

_CONTAINERS = st.fixed_dictionaries({"name": _CONTAINER_NAMES, "resources": _REQUIREMENTS})
_INIT_CONTAINERS = st.fixed_dictionaries(
    {"name": _CONTAINER_NAMES},
    optional={
        "resources": _REQUIREMENTS,
        "restartPolicy": st.sampled_from(("Always", "Always", "OnFailure", None)),
    },
)
_GPUS = ("GPU-a", "GPU-b", "GPU-c")
_MIG_DEVICES = ("MIG-1", "MIG-2", "MIG-3")
_DEVICE_IDS = st.one_of(
    *(st.builds("{}::{}".format, st.sampled_from(each), st.integers(0, 3)) for each in (_GPUS, _MIG_DEVICES)),
    st.sampled_from(
        (*_GPUS, *_MIG_DEVICES, "MIG-GPU-a/1/0", "nvidia0/gi1", "0000:c1:00.0", "card0-1", "card1-0", "")
    ),
)
_ALLOCATED = st.one_of(
    st.lists(
        st.one_of(
            st.fixed_dictionaries(
                {
                    "name": _RESOURCES,
                    "resources": st.lists(
                        st.fixed_dictionaries(
                            {"resourceID": _DEVICE_IDS},
                            optional={
                                "health": st.sampled_from(("Healthy", "Unhealthy", "Unknown", "Odd", 3, None))
                            },
                        )
                        | st.sampled_from(({}, {"resourceID": 7}, None, "GPU-a")),
                        max_size=3,
                    ),
                }
            ),
            st.sampled_from(
                (
                    None,
                    {},
                    {"name": "claim:gpu/main"},
                    {"name": 3},
                    {"name": "nvidia.com/gpu", "resources": {}},
                )
            ),
        ),
        max_size=2,
    ),
    st.sampled_from((None, {}, "odd", [[]])),
)
_CONTAINER_STATUSES = st.none() | st.lists(
    st.fixed_dictionaries(
        {"name": _CONTAINER_NAMES},
        optional={
            "allocatedResources": _MAYBE_RESOURCE_LISTS,
            "resources": _REQUIREMENTS,
            "allocatedResourcesStatus": _ALLOCATED,
        },
    ),
    max_size=2,
)
_POD_CONDITIONS = st.none() | st.lists(
    st.sampled_from(
        (
            {"type": "Ready", "status": "True"},
            {"type": "PodResizePending", "status": "True", "reason": "Infeasible"},
            {"type": "PodResizePending", "status": "True", "reason": "Deferred"},
            {"type": "PodResizePending", "status": "False"},
        )
    ),
    max_size=2,
)
_TIMES = st.sampled_from(("2025-12-19T15:30:00Z", "2025-12-19T15:30:00+23:59", "yesterday", "", None))
_OWNERS = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "apiVersion": st.sampled_from(("apps/v1", "batch/v1", "ray.io/v1")),
            "kind": st.sampled_from(("ReplicaSet", "Job", "RayCluster")),
            "name": st.sampled_from(("train-12345678", "train-5d8f", "-", "")),
        },
        optional={"controller": st.sampled_from((True, False, None))},
    ),
    max_size=2,
)

_PODS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.sampled_from(POD_NAMES), "namespace": st.sampled_from(NAMESPACES)},
            optional={
                "deletionTimestamp": _TIMES,
                "creationTimestamp": _TIMES,
                "ownerReferences": _OWNERS,
                "labels": st.sampled_from(
                    (
                        None,
                        {},
                        {"pod-template-hash": "5d8f"},
                        *({"runai-gpu-group": group} for group in ("g0", "g0", "g1", "")),
                        {"runai-gpu-group/g0": "g0", "runai-gpu-group/g1": "g1"},
                    )
                ),
                "annotations": st.none()
                | st.dictionaries(
                    st.sampled_from(
                        ("gpu-fraction", "gpu-fraction", "gpu-memory", "gpu-fraction-num-devices", "note")
                    ),
                    st.sampled_from(("0.5", "0.5", "1", "2000", "1.5", "x", "", "-1", "NaN", "1e999")),
                    max_size=2,
                ),
            },
        ),
        "spec": st.fixed_dictionaries(
            {
                "nodeName": st.sampled_from((*NODE_NAMES, *NODE_NAMES, "gone", "", None)),
                "containers": st.lists(_CONTAINERS, min_size=1, max_size=3)
                | st.just([{"name": "c0", "resources": None}]),
            },
            optional={
                "initContainers": st.none() | st.lists(_INIT_CONTAINERS, max_size=3),
                "overhead": _MAYBE_RESOURCE_LISTS,
            },
        ),
        "status": st.fixed_dictionaries(
            {
                "phase": st.sampled_from(
                    ("Running",) * 5 + ("Pending", "Unknown", "Succeeded", "Failed", "Odd")
                )
            },
            optional={
                "startTime": _TIMES,
                "conditions": _POD_CONDITIONS,
                "containerStatuses": _CONTAINER_STATUSES,
                "initContainerStatuses": _CONTAINER_STATUSES,
                "allocatedResources": _MAYBE_RESOURCE_LISTS,
                "resources": _REQUIREMENTS,
            },
        ),
    },
)

_TAINTS = st.sampled_from(
    (
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        {"key": "gpu.intel.com/i915", "effect": "NoExecute"},
        {"key": "sku", "value": "gpu", "effect": "NoSchedule"},
        {"key": "sku", "value": "cpu", "effect": "NoSchedule"},
        {"key": "dedicated", "value": "gpuGroup", "effect": "NoSchedule"},
        {"key": "is_gpu", "value": "true", "effect": "NoSchedule"},
        {"key": "team", "value": "a", "effect": "NoSchedule"},
        {"key": "team", "value": None, "effect": "PreferNoSchedule"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
    )
)
_OFFERS = st.dictionaries(_RESOURCES, _QUANTITIES, min_size=1, max_size=3)
_WHOLE_NUMBERS = st.sampled_from(
    ("0", "1", "2", "2", "4", "4", "8", "16", "-1", "two", "", "9999999999", "\u0664")
)
_PRODUCTS = st.sampled_from(
    (
        *("NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-80GB-HBM3-SHARED", "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"),
        *("NVIDIA-A30-MIG-2g.12gb", "NVIDIA-H100-80GB-HBM3-MIG-1g.20gb-SHARED", "A100-MIG-INVALID", "-MIG-"),
        *("NVIDIA-H100-80GB-HBM3-MIG-1g.10gbme", "NVIDIA-H100-MIG-5g.10gb", "NVIDIA-H100-MIG-7g.80gb"),
        *("NVIDIA-GB300", "NVIDIA-H200", "NVIDIA-A100-SXM4-40GB", "NVIDIA-A30"),
    )
)
_AMD_PRODUCTS = st.sampled_from(("AMD_Instinct_MI300X_OAM", "AMD_Instinct_MI300A", "AMD_Instinct_MI210", ""))
_MODES = st.sampled_from(("spx_nps1", "CPX_NPS4", "cpx_nps1", "qpx_nps1", "tpx_nps1", "odd", ""))
_LABELS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "nvidia.com/gpu.replicas": _WHOLE_NUMBERS,
        "nvidia.com/gpu.count": _WHOLE_NUMBERS,
        "nvidia.com/gpu.product": _PRODUCTS,
        "nvidia.com/mig.strategy": st.sampled_from(("none", "single", "single", "mixed", "")),
        "nvidia.com/mig-1g.10gb.replicas": _WHOLE_NUMBERS,
        "nvidia.com/mig-1g.10gb.count": _WHOLE_NUMBERS,
        "nvidia.com/mig-1g.10gb.product": _PRODUCTS,
        "nvidia.com/gpu.memory": st.sampled_from(("81559", "40960", "284208", "x")),
        "cloud.google.com/gke-accelerator": st.sampled_from(("nvidia-tesla-a100", "nvidia-h100-80gb", "")),
        "amd.com/gpu.product-name": _AMD_PRODUCTS,
        "amd.com/compute-memory-partition": _MODES,
        "amd.com/gpu.compute-memory-partition": _MODES,
        "amd.com/compute-partitioning-supported": st.sampled_from(("true", "false")),
        "amd.com/gpu.cu-count": st.sampled_from(("304", "38", "152", "57", "0", "x")),
        "gpu.intel.com/device-id.0380-56c1.count": _WHOLE_NUMBERS,
        "gpu.intel.com/device-id.0300-4680.count": _WHOLE_NUMBERS,
        "gpu.intel.com/device.count": _WHOLE_NUMBERS,
        "gpu.intel.com/gpu-numbers": st.sampled_from(("0", "0.1", "")),
        "gpu.intel.com/cards": st.sampled_from(("card0.card1.card2.card3", "")),
        "cloud.google.com/gke-max-shared-clients-per-gpu": _WHOLE_NUMBERS,
        "cloud.google.com/gke-gpu-partition-size": st.sampled_from(("1g.5gb", "3g.20gb", "7g", "")),
    },
)
_NODES = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.sampled_from(NODE_NAMES)}, optional={"labels": _LABELS}
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "unschedulable": st.sampled_from((True, False, None)),
                "taints": st.none() | st.lists(_TAINTS, max_size=2),
            },
        ),
        "status": st.fixed_dictionaries(
            {"capacity": _OFFERS, "allocatable": _OFFERS},
            optional={
                "conditions": st.sampled_from(
                    (None, [{"type": "Ready", "status": "True"}], [{"type": "Ready", "status": "Unknown"}])
                ),
            },
        ),
    },
)


def _resource_lists(part: object) -> list[Object]:
    """Return every resource list that an object has."""
    if isinstance(part, list):
        return [found for each in part for found in _resource_lists(each)]
    if not isinstance(part, dict):
        return []
    names = ("requests", "limits", "overhead", "allocatedResources", "capacity", "allocatable")
    own = [part[name] for name in names if isinstance(part.get(name), dict)]
    return own + [found for each in part.values() for found in _resource_lists(each)]


def placements() -> st.SearchStrategy[Reported]:
    """Generate what an agent may say of where units are."""
    gpus = st.sampled_from(_GPUS)
    devices = st.lists(st.tuples(_RESOURCES | st.just(""), _DEVICE_IDS, gpus), max_size=3)
    keys = st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(POD_NAMES))
    return st.builds(
        Reported,
        instances=st.dictionaries(st.sampled_from(_MIG_DEVICES), gpus),
        pods=st.dictionaries(keys, devices, max_size=3),
        gpus=st.integers(0, 8),
        partitions=st.integers(0, 16),
        domain=st.sampled_from(("", "amd.com", "nvidia.com")),
        cards=st.lists(
            st.tuples(st.none() | gpus, st.none() | st.sampled_from(("H100", "H100", "A100"))), max_size=4
        ).filter(
            lambda cards: len({uuid for uuid, _ in cards if uuid}) == sum(bool(uuid) for uuid, _ in cards)
        ),
    )


@st.composite
def pods(draw: st.DrawFn) -> Object:
    """Generate raw pods, some of them spoilt."""
    return _perhaps_spoilt(draw, draw(_PODS))


@st.composite
def nodes(draw: st.DrawFn) -> Object:
    """Generate raw nodes, some of them spoilt."""
    return _perhaps_spoilt(draw, draw(_NODES))


def _perhaps_spoilt(draw: st.DrawFn, drawn: Object) -> Object:
    """Now and then put a quantity in that is none, or take something away that is always there."""
    lists = _resource_lists(drawn)
    match draw(st.integers(0, 9)):
        case 8 if lists:
            draw(st.sampled_from(lists))[draw(_RESOURCES)] = draw(st.sampled_from(_NO_QUANTITIES))
        case 9:
            part = draw(st.sampled_from(("spec", "status")))
            field = draw(st.sampled_from((None, *drawn[part])))
            if field is None:
                del drawn[part]
            elif draw(st.booleans()):
                del drawn[part][field]
            else:
                drawn[part][field] = None
    return drawn
