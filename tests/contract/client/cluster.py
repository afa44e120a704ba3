"""A small cluster with everything that is odd: the API's answers, all of one moment."""

from typing import Any

from lens_client.api.schema import Task

NAME = "prod-cluster"
TIMESTAMP = "2026-11-29T16:00:00Z"
DATE = "Sun, 29 Nov 2026 16:00:01 GMT"
H100, A100, CHINESE = "NVIDIA-H100-80GB-HBM3", "NVIDIA-A100-SXM4-80GB", "昇腾-910B"
HOSTILE = "train-\x1b[31mred\x1b[0m-\x07bell-\u202egnp\u202c-\u200bzero"
"""A name that no apiserver accepts, which a client must not trust one to refuse."""


def node(name: str, allocated: int, available: int, **more: Any) -> dict[str, Any]:
    """Return a node; its GPUs are those of the four states."""
    unhealthy, unavailable = more.pop("unhealthy", 0), more.pop("unavailable", 0)
    total = allocated + available + unhealthy + unavailable
    resource = {
        "resource": "nvidia.com/gpu",
        "capacity": total,
        "allocatable": total - unhealthy,
        "allocated": allocated,
        "available": available,
        "unhealthy": unhealthy,
        "unavailable": unavailable,
        "overcommitted": 0,
    }
    return {
        "node_name": name,
        "status": "Ready",
        "total_gpus": total,
        "allocated_gpus": allocated,
        "available_gpus": available,
        "utilization": None,
        "unhealthy_gpus": unhealthy,
        "unavailable_gpus": unavailable,
        "overcommitted_gpus": 0,
        "schedulable": True,
        "unschedulable": False,
        "taints": ["nvidia.com/gpu:NoSchedule"],
        "product": H100,
        "running_tasks": 1 if allocated else 0,
        "resources": [resource],
        **more,
    }


NODES = [
    node("gpu-node-1", 8, 0, utilization=67.5, running_tasks=4),
    node("gpu-node-2", 4, 3, unhealthy=1, utilization=0.0, product=A100),
    node("gpu-node-3", 2, 0, unavailable=6, schedulable=False, unschedulable=True, utilization=100.0),
    node("gpu-node-4", 0, 8, status="NotReady", schedulable=False),
    node("gpu-node-5", 0, 8, schedulable=False, taints=["reserved=team-b:NoSchedule"]),
    node("gpu-node-9-with-a-name-that-is-longer-than-most-terminals-like", 8, 0, utilization=12.3),
    node("nvl72-rack-1", 40, 32, product="NVIDIA-GB200", utilization=33.3, running_tasks=10),
    node("npu-node-1", 1, 7, product=CHINESE),
    node("shared", 1, 7, units=[], approximate=True, approximate_reason="UNKNOWN_DEVICES"),
    node("was-here", 0, 0, status="Missing", product=None, resources=[], taints=[]),
]


def task(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    """Return a running task; a field that it isn't given is null, as one that the API gets later."""
    required = (field for field in Task.__annotations__ if field in Task.__required_keys__)
    return {
        **dict.fromkeys(required),
        "pod_uid": f"uid-{name}",
        "pod_name": name,
        "namespace": namespace,
        "workload_type": "Job",
        "workload_name": name.rpartition("-worker")[0] or name,
        "workload_reason": None,
        "node_name": "gpu-node-1",
        "allocated_gpus": 1,
        "running_time_seconds": 109_812,
        "started_at": "2026-11-28T09:29:48Z",
        "owner": name,
        "resources": {"nvidia.com/gpu": 1},
        "phase": "Running",
        "terminating": False,
        "utilization": 45.3,
        "memory_used_bytes": 62_599_148_339,
        "gpu_uuids": [f"GPU-{name}"],
        "utilization_reason": None,
        **more,
    }


TASKS = [
    task("ml-team", "bert-worker-0", allocated_gpus=2, gpu_uuids=["GPU-1", "GPU-2"]),
    task("ml-team", "bert-worker-1", utilization=None, utilization_reason="STALE", memory_used_bytes=None),
    task("research", HOSTILE, terminating=True, running_time_seconds=59),
    task("research", "训练任务-0", workload_name="训练任务", node_name="npu-node-1"),
    task(
        "research",
        "starting-0",
        phase="Pending",
        started_at=None,
        running_time_seconds=0,
        utilization=None,
        utilization_reason="STARTING",
        memory_used_bytes=None,
        gpu_uuids=None,
        units={"nvidia.com/gpu.shared": 1},
        approximate=True,
    ),
]


def reason(code: str, nodes: int, message: str, **more: Any) -> dict[str, Any]:
    """Return a reason why pods don't fit."""
    empty = {"resource": None, "asked": None, "most_free": None, "short_by": None}
    return {"code": code, "message": message, "nodes": nodes, **empty, **more}


SCHEDULER = "0/10 nodes are available: 1 node(s) had untolerated taint(s), 9 Insufficient nvidia.com/gpu."
SHORT = reason(
    "resource",
    9,
    "Insufficient nvidia.com/gpu",
    resource="nvidia.com/gpu",
    asked=8,
    most_free=6,
    short_by=2,
    node_names=["gpu-node-1", "gpu-node-2", "nvl72-rack-1"],
)
TAINTED = reason("taint", 1, "node(s) had untolerated taint(s)", node_names=["gpu-node-5"])


def waiting(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    """Return a pod that waits for 8 GPUs."""
    return {
        "pod_uid": f"uid-{name}",
        "pod_name": name,
        "namespace": namespace,
        "workload_type": "Job",
        "workload_name": name.rpartition("-worker")[0] or name,
        "workload_reason": None,
        "owner": name,
        "requested_gpus": 8,
        "resources": {"nvidia.com/gpu": 8},
        "created_at": "2026-11-29T15:00:00Z",
        "waiting_seconds": 3601,
        "priority": 0,
        "state": "unschedulable",
        "scheduling_gates": [],
        "reason": "Unschedulable",
        "message": SCHEDULER,
        "node_selector": {},
        "affinity": False,
        "tolerations": [],
        "terminating": False,
        "fit": {
            "fits": "no",
            "reason": "9 nodes: needs 8 nvidia.com/gpu on one node; most free is 6",
            "reasons": [SHORT, TAINTED],
            "complete": True,
            "not_checked": [],
        },
        "fit_reason": None,
        **more,
    }


GATED = waiting(
    "research",
    "sweep-worker-0",
    state="gated",
    scheduling_gates=["kueue.x-k8s.io/admission"],
    reason="SchedulingGated",
    message="Scheduling is blocked due to non-empty scheduling gates",
    fit={
        "fits": "no",
        "reason": "waiting for scheduling gates: [kueue.x-k8s.io/admission]",
        "reasons": [reason("gates", 10, "waiting for scheduling gates: [kueue.x-k8s.io/admission]")],
        "complete": True,
        "not_checked": [],
    },
)
CLAIMING = waiting(
    "research",
    "claiming-0",
    resources={},
    message="0/10 nodes are available: 10 cannot allocate all claims.",
    claims=[
        {
            "name": "gpu",
            "resource_claim": "claiming-0-gpu",
            "ready": False,
            "reason": "NO_DEVICE_CLASS",
            "waits_for": ["h200.nvidia.com"],
            "gpus": 8,
            "devices": [],
        }
    ],
    fit={
        "fits": "unknown",
        "reason": "a node has room for it: gpu-node-4, but this isn't checked: resource_claims",
        "reasons": [],
        "complete": False,
        "not_checked": ["resource_claims"],
    },
)
PENDING = [waiting("ml-team", "large-worker-0"), GATED, CLAIMING]

ALERTS = [
    {
        "id": "a1",
        "severity": "critical",
        "type": "GpuXid",
        "message": "GPU 3 reported XID 79: the GPU has fallen off the bus",
        "timestamp": "2026-11-29T15:50:00Z",
        "source": "GPU/gpu-node-2/GPU-3",
        "namespace": None,
        "node": "gpu-node-2",
        "gpu_uuid": "GPU-3",
        "gpu_index": 3,
        "pod": None,
        "action": "Drain the node and reset the GPU.",
    },
    {
        "id": "a2",
        "severity": "warning",
        "type": "PodPending",
        "message": f"research/{HOSTILE} waits for 8 GPUs",
        "timestamp": "2026-11-29T15:00:00Z",
        "source": f"Pod/research/{HOSTILE}",
        "namespace": "research",
        "node": None,
        "gpu_uuid": None,
        "gpu_index": None,
        "pod": HOSTILE,
        "action": "Wait, or ask for less.",
    },
]


def event(timestamp: str, kind: str, about: str, message: str, **more: Any) -> dict[str, Any]:
    """Return an event."""
    return {
        "timestamp": timestamp,
        "type": kind,
        "object": about,
        "message": message,
        "namespace": None,
        "source": "lens",
        "reason": None,
        **more,
    }


EVENTS = [
    event(
        "2026-11-29T15:59:58Z",
        "TaskStarted",
        "Pod/ml-team/bert-worker-0",
        "ml-team/bert-worker-0 started",
        namespace="ml-team",
    ),
    event("2026-11-29T15:50:00Z", "NodeCordoned", "Node/gpu-node-3", "gpu-node-3 was cordoned"),
    event(
        "2026-11-29T15:40:00Z",
        "Kubernetes",
        "Pod/research/训练任务-0",
        "Back-off\nrestarting\x1b]0;owned\x07 failed container",
        namespace="research",
        source="kubelet",
        reason="BackOff",
    ),
]


def _product(name: str | None, total: int, allocated: int, available: int, **more: Any) -> dict[str, Any]:
    states = {"unhealthy": 0, "unavailable": 0, "largest_block": 8, "reason": None}
    return {"product": name, "total": total, "allocated": allocated, "available": available, **states, **more}


PRODUCTS = [
    _product("NVIDIA-GB200", 72, 40, 32, largest_block=32),
    _product(H100, 48, 19, 7, unavailable=22, largest_block=7),
    _product(A100, 8, 4, 3, unhealthy=1, largest_block=3),
    _product(CHINESE, 8, 1, 7, largest_block=7),
    _product(None, 4, 4, 0, reason="UNKNOWN_PRODUCT", largest_block=0),
]

FIGURES = {
    "cluster": NAME,
    "current_gpu_usage": {
        "total_gpus": 140,
        "allocated_gpus": 68,
        "utilized_gpus": 20,
        "allocation_rate": 48.6,
        "utilization_rate": 40.2,
    },
    "running_tasks": 21,
    "available_resources": {
        "available_gpus": 49,
        "available_nodes": 4,
        "max_contiguous_gpu": 32,
        "max_contiguous_gpu_product": "NVIDIA-GB200",
        "max_contiguous_gpu_reason": None,
    },
    "pending": {"pods": 3, "gpus": 24, "gated_pods": 1},
    "telemetry": {
        "coverage": 0.75,
        "utilized_gpus": 20,
        "utilization_rate": 40.2,
        "nodes": {"ok": 6, "stale": 1, "unknown": 3},
    },
    "gpu_states": {
        "allocated": 68,
        "unhealthy": 1,
        "unavailable": 22,
        "available": 49,
        "overcommitted": 0,
        "missing_nodes": 1,
        "held_without_pod": 0,
        "unknown": None,
        "unknown_reason": "INCOMPLETE_POOLS",
    },
    "products": PRODUCTS,
    "gpu_nodes": {"total": 9, "idle": 0, "partly_used": 4, "full": 2, "closed": 3},
    "dra": {
        "no_node": [],
        "total_problem_pools": 0,
        "problem_pools": [],
        "rules_not_applied": [],
        "both_ways_nodes": 0,
    },
    "units": [
        {
            "resource": "nvidia.com/gpu.shared",
            "capacity": 32,
            "allocatable": 32,
            "allocated": 3,
            "available": 29,
            "unhealthy": 0,
            "unavailable": 0,
            "overcommitted": 0,
        }
    ],
    "approximate": True,
}


def _namespace(name: str, busy: int, idle: int, unmeasured: int, **more: Any) -> dict[str, Any]:
    return {
        "namespace": name,
        "allocated_gpus": busy + idle + unmeasured,
        "busy_gpus": busy,
        "idle_gpus": idle,
        "unmeasured_gpus": unmeasured,
        "utilization": None,
        "idle_gpu_seconds": 0,
        "running_tasks": 1,
        "pending_pods": 0,
        "pending_gpus": 0,
        **more,
    }


NAMESPACES = [
    _namespace("ml-team", 40, 8, 4, utilization=61.3, idle_gpu_seconds=37_000, running_tasks=12),
    _namespace("research", 1, 0, 3, utilization=45.3, pending_pods=2, pending_gpus=16),
    _namespace("vision", 0, 0, 0, running_tasks=0, pending_pods=1, pending_gpus=8),
]

FRESHNESS = {
    "synced": True,
    "age_seconds": 0.407,
    "watch_age_seconds": {"nodes": 4.28, "pods": 0.407},
    "unseen": {"resourceclaims": "FORBIDDEN"},
    "coverage": 0.75,
    "sequence": 8,
}

GPUS: list[dict[str, Any]] = [
    {
        "source": "agent",
        "index": 0,
        "uuid": "GPU-0",
        "product": "NVIDIA H100 80GB HBM3",
        "state": "allocated",
        "holders": [
            {"namespace": "ml-team", "pod": "bert-worker-0", "container": "main", "instance_uuid": "MIG-0"},
            {"namespace": "research", "pod": HOSTILE, "container": "main", "instance_uuid": None},
        ],
        "utilization": 51.7,
        "memory_used_bytes": 0,
        "memory_total_bytes": 85_899_345_920,
        "temperature_celsius": 50,
        "power_watts": 83.294,
        "health": "ok",
        "health_because": [],
        "recovery_action": "NONE",
        "instances": [
            {
                "uuid": "MIG-0",
                "profile": "1g.10gb",
                "utilization": 89.9,
                "memory_used_bytes": 8_800_000_000,
                "memory_total_bytes": 10_200_547_328,
            }
        ],
        "sampled_at": TIMESTAMP,
        "reasons": {},
    },
    {
        "source": "agent",
        "index": 1,
        "uuid": "GPU-1",
        "product": "NVIDIA H100 80GB HBM3",
        "state": "unhealthy",
        "holders": [],
        "utilization": None,
        "memory_used_bytes": None,
        "memory_total_bytes": None,
        "temperature_celsius": None,
        "power_watts": None,
        "health": "lost",
        "health_because": ["XID 79"],
        "recovery_action": None,
        "instances": [],
        "sampled_at": TIMESTAMP,
        "reasons": {"utilization": "GPU_LOST"},
    },
]


def _claim(name: str, *pods: str) -> dict[str, Any]:
    return {
        "namespace": "research",
        "resource_claim": name,
        "request": "gpu",
        "share_id": None,
        "consumed": {},
        "total_pods": len(pods),
        "pods": [*pods],
        "without_pod": None if pods else "UNRESERVED",
        "allocated_at": None,
        "health": "Healthy",
    }


def _no_node(name: str, *claims: dict[str, Any], **more: Any) -> dict[str, Any]:
    device: dict[str, Any] = {
        "device": name,
        "type": "gpu",
        "profile": None,
        "uuid": None,
        "memory_bytes": None,
        "driver_version": None,
        "nvlink_clique": None,
        "numa_node": None,
        "taints": [],
        "taint_rules": [],
        "capacity_left": {},
        "claims": [*claims],
    }
    return {
        "driver": "fabric.example.com",
        "pool": "rack-1",
        "name": name,
        "state": "allocated",
        "reason": None,
        "pci_bus_id": None,
        "largest_partition_left": None,
        "total_devices": 1,
        "devices": [device],
        "uuid": f"GPU-{name}",
        "product": H100,
        "memory_bytes": 85_899_345_920,
        **more,
    }


NO_NODE_GPUS = [
    _no_node("gpu-0", _claim("shared", "a-0", HOSTILE)),
    _no_node("gpu-1", _claim("left"), state="unhealthy", reason="TAINTED", product=None, memory_bytes=None),
]

FIT_NO = {
    "cluster": NAME,
    "timestamp": TIMESTAMP,
    "age_seconds": 1.3,
    "fits": "no",
    "complete": True,
    "not_checked": [],
    "replicas": 4,
    "placed": 1,
    "max_replicas": 1,
    "resource": "nvidia.com/gpu",
    "device_class": None,
    "pods": [
        {
            "name": "Pod",
            "fits": "no",
            "replicas": 4,
            "placed": 1,
            "reasons": [SHORT, TAINTED],
            "message": SCHEDULER,
            "placements": [{"node_name": "nvl72-rack-1", "replicas": 1, "devices": []}],
        }
    ],
    "quota": [
        {
            "quota": "gpus",
            "resource": "requests.nvidia.com/gpu",
            "hard": 16.0,
            "used": 8.0,
            "asked": 32.0,
            "exceeded": True,
        }
    ],
    "nearest": [
        {"change": "gpus", "value": "2", "gpus": 2, "replicas": 4},
        {"change": "replicas", "value": "1", "gpus": 8, "replicas": 1},
        {"change": "product", "value": "NVIDIA-H200", "gpus": 8, "replicas": 4},
        {"change": "device_class", "value": "gpu.nvidia.com", "gpus": 8, "replicas": 4},
        {"change": "selector", "value": "none", "gpus": 8, "replicas": 4},
        {"change": "toleration", "value": "reserved=team-b:NoSchedule", "gpus": 8, "replicas": 4},
    ],
    "evictable": {
        "gpus": 12,
        "pods": 3,
        "fits": "yes",
        "namespaces": {"research": 12},
        "protected_pods": 1,
        "fits_within_budgets": "no",
    },
}
FIT_YES = {
    **FIT_NO,
    "fits": "yes",
    "replicas": 1,
    "placed": 1,
    "max_replicas": 6,
    "pods": [
        {
            "name": "Pod",
            "fits": "yes",
            "replicas": 1,
            "placed": 1,
            "reasons": [],
            "message": None,
            "placements": [{"node_name": "nvl72-rack-1", "replicas": 1, "devices": []}],
        }
    ],
    "quota": None,
    "nearest": [],
    "evictable": None,
}

ACCESS = {
    "caller": "team-research",
    "cluster": NAME,
    "clusters": None,
    "realtime": False,
    "capacity": False,
    "namespace": None,
    "namespaces": ["research"],
    "paths": None,
    "version": "0.1.0",
    "page": "",
}
