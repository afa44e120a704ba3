"""An example of each response: two nodes, one of them cordoned, and a pending pod."""

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

from lens.api.schemas.access import Access
from lens.api.schemas.clusters import Clusters, Summary
from lens.api.schemas.envelope import Health
from lens.api.schemas.fit import Fit, FitReason
from lens.api.schemas.fit_record import FitRecord, FitRecordDetail
from lens.api.schemas.gpu_figures import AvailableResources, GpuNodes, GpuUsage, Product
from lens.api.schemas.node_detail import NodeDetail
from lens.api.schemas.nodes import Node, Nodes
from lens.api.schemas.pending import PendingTask, PendingTasks
from lens.api.schemas.status import Status
from lens.api.schemas.tasks import RunningTasks, Task
from lens.model.alerts.pod_rules import pod_pending

_AT = "2025-12-19T15:30:00Z"
_GPU = "GPU-8a6f1c52-0d0e-4f61-9b5e-6f5d0b1f7a33"


def _filled(schema: type[Any], given: Mapping[str, object]) -> Any:
    """Return a row whose other required fields have the example of their declaration.

    Raise ValueError for a field without one.
    """
    row = dict(given)
    for name, hint in get_type_hints(schema, include_extras=True).items():
        if name in given or name not in schema.__required_keys__:
            continue
        examples = next((each.examples for each in get_args(hint) if isinstance(each, FieldInfo)), None)
        if not examples:
            raise ValueError(f"{schema.__name__}.{name} has no example in its declaration")
        row[name] = examples[0]
    return row


_USAGE: GpuUsage = {
    "total_gpus": 16,
    "allocated_gpus": 2,
    "utilized_gpus": 2,
    "allocation_rate": 12.5,
    "utilization_rate": 16.1,
}
_AVAILABLE: AvailableResources = {
    "available_gpus": 6,
    "available_nodes": 1,
    "max_contiguous_gpu": 6,
    "max_contiguous_gpu_product": "NVIDIA-H100-80GB-HBM3",
    "max_contiguous_gpu_reason": None,
}
_PRODUCTS: list[Product] = [
    {
        "product": "NVIDIA-H100-80GB-HBM3",
        "reason": None,
        "total": 16,
        "allocated": 2,
        "available": 6,
        "unhealthy": 0,
        "unavailable": 8,
        "largest_block": 6,
    }
]
_GPU_NODES: GpuNodes = {"total": 2, "idle": 0, "partly_used": 1, "full": 0, "closed": 1}
_NODE: Node = {
    "node_name": "gpu-node-1",
    "status": "Ready",
    "total_gpus": 8,
    "allocated_gpus": 2,
    "available_gpus": 6,
    "utilization": 16.1,
    "unhealthy_gpus": 0,
    "unavailable_gpus": 0,
    "overcommitted_gpus": 0,
    "schedulable": True,
    "unschedulable": False,
    "taints": ["nvidia.com/gpu=present:NoSchedule"],
    "product": "NVIDIA-H100-80GB-HBM3",
    "running_tasks": 1,
    "resources": [
        {
            "resource": "nvidia.com/gpu",
            "capacity": 8,
            "allocatable": 8,
            "allocated": 2,
            "available": 6,
            "unhealthy": 0,
            "unavailable": 0,
            "overcommitted": 0,
        }
    ],
}
_RECORD: FitRecord = {
    "right": 412,
    "wrong": 1,
    "abstained": 9,
    "since": "2025-12-18T08:00:00Z",
}
_STATUS: Status = {
    "cluster": "prod-cluster",
    "timestamp": _AT,
    "current_gpu_usage": _USAGE,
    "running_tasks": 1,
    "available_resources": _AVAILABLE,
    "pending": {"pods": 1, "gpus": 8, "gated_pods": 0},
    "freshness": {
        "synced": True,
        "age_seconds": 0.412,
        "watch_age_seconds": {"pods": 0.412, "nodes": 3.07},
        "unseen": {},
        "coverage": 0.5,
        "sequence": 1840,
    },
    "telemetry": {
        "coverage": 0.5,
        "utilized_gpus": 2,
        "utilization_rate": 16.1,
        "nodes": {"ok": 1, "stale": 0, "unknown": 1},
    },
    "gpu_states": {
        "allocated": 2,
        "unhealthy": 0,
        "unavailable": 8,
        "available": 6,
        "overcommitted": 0,
        "missing_nodes": 0,
        "held_without_pod": 0,
        "unknown": 0,
        "unknown_reason": None,
    },
    "products": _PRODUCTS,
    "gpu_nodes": _GPU_NODES,
    "dra": {
        "no_node": [],
        "total_problem_pools": 0,
        "problem_pools": [],
        "rules_not_applied": [],
        "both_ways_nodes": 0,
    },
    "units": [],
    "approximate": False,
    "fit_record": _RECORD,
    "alerts": [
        {
            "id": "PodPending:Pod/ml-team/eval-0:b1a7c1de-5e0f-4c9b-8a52-3f7f0f0b7c22",
            "severity": "warning",
            "type": "PodPending",
            "message": "ml-team/eval-0 waits for 8 GPUs: 0/2 nodes are available",
            "timestamp": "2025-12-19T15:12:30Z",
            "source": "Pod/ml-team/eval-0",
            "namespace": "ml-team",
            "node": None,
            "gpu_uuid": None,
            "gpu_index": None,
            "pod": "eval-0",
            "action": pod_pending.action,
        }
    ],
    "recent_events": [
        {
            "timestamp": "2025-12-19T15:12:31Z",
            "type": "Kubernetes",
            "object": "Pod/ml-team/eval-0",
            "message": "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
            "namespace": "ml-team",
            "source": "default-scheduler",
            "reason": "FailedScheduling",
        },
        {
            "timestamp": "2025-12-19T14:30:01Z",
            "type": "TaskStarted",
            "object": "Pod/ml-team/train-0",
            "message": "ml-team/train-0 started with 2 GPUs on gpu-node-1",
            "namespace": "ml-team",
            "source": "lens",
            "reason": None,
        },
    ],
}
_TASKS: RunningTasks = {
    "cluster": "prod-cluster",
    "timestamp": _AT,
    "total_tasks": 1,
    "continue": None,
    "tasks": [
        _filled(
            Task,
            {
                "pod_uid": "4f6b0f2e-7d1c-4a55-9a53-0c6f6f0f9a11",
                "pod_name": "train-0",
                "namespace": "ml-team",
                "workload_type": "JobSet",
                "workload_name": "train",
                "workload_reason": None,
                "node_name": "gpu-node-1",
                "allocated_gpus": 2,
                "running_time_seconds": 3600,
                "started_at": "2025-12-19T14:30:00Z",
                "owner": "train-workers-0",
                "resources": {"nvidia.com/gpu": 2},
                "phase": "Running",
                "terminating": False,
                "utilization": 64.3,
                "memory_used_bytes": 137438953472,
                "gpu_uuids": [_GPU, "GPU-3d1e7a90-4b1c-4c57-8f0e-1a2b3c4d5e44"],
                "utilization_reason": None,
            },
        )
    ],
}
_FIT_REASONS: list[FitReason] = [
    {
        "code": "resource",
        "message": "Insufficient nvidia.com/gpu",
        "nodes": 1,
        "resource": "nvidia.com/gpu",
        "asked": 8,
        "most_free": 6,
        "short_by": 2,
        "node_names": ["gpu-node-0"],
    },
    {
        "code": "unschedulable",
        "message": "node(s) were unschedulable",
        "nodes": 1,
        "resource": None,
        "asked": None,
        "most_free": None,
        "short_by": None,
        "node_names": ["gpu-node-1"],
    },
]
_PENDING: PendingTasks = {
    "cluster": "prod-cluster",
    "timestamp": _AT,
    "total_tasks": 1,
    "continue": None,
    "tasks": [
        _filled(
            PendingTask,
            {
                "pod_uid": "b1a7c1de-5e0f-4c9b-8a52-3f7f0f0b7c22",
                "pod_name": "eval-0",
                "namespace": "ml-team",
                "workload_type": "Job",
                "workload_name": "eval",
                "workload_reason": None,
                "owner": "eval",
                "requested_gpus": 8,
                "resources": {"nvidia.com/gpu": 8},
                "created_at": "2025-12-19T15:12:30Z",
                "waiting_seconds": 1050,
                "priority": 0,
                "state": "unschedulable",
                "scheduling_gates": [],
                "reason": "Unschedulable",
                "message": "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 were unschedulable.",
                "node_selector": {},
                "affinity": False,
                "tolerations": ["nvidia.com/gpu:NoSchedule op=Exists"],
                "terminating": False,
                "fit": {
                    "fits": "no",
                    "reason": "1 node: needs 8 nvidia.com/gpu on one node; most free is 6, on gpu-node-0; "
                    "1 node: cordoned",
                    "reasons": _FIT_REASONS,
                    "complete": True,
                    "not_checked": [],
                },
                "fit_reason": None,
            },
        )
    ],
}
_NODE_DETAIL: NodeDetail = {
    "cluster": "prod-cluster",
    "timestamp": _AT,
    "node": _NODE,
    "telemetry": {"source": "agent", "state": "ok", "problem": None, "sampled_at": "2025-12-19T15:29:55Z"},
    "gpus": [
        {
            "source": "agent",
            "index": 0,
            "uuid": _GPU,
            "product": "NVIDIA H100 80GB HBM3",
            "state": "allocated",
            "holders": [
                {"namespace": "ml-team", "pod": "train-0", "container": "main", "instance_uuid": None}
            ],
            "utilization": 64.3,
            "memory_used_bytes": 68719476736,
            "memory_total_bytes": 85520809984,
            "temperature_celsius": 61.0,
            "power_watts": 512.4,
            "health": "ok",
            "health_because": [],
            "recovery_action": "NONE",
            "instances": [],
            "sampled_at": "2025-12-19T15:29:55Z",
            "reasons": {},
        }
    ],
}
_FIT: Fit = {
    "cluster": "prod-cluster",
    "timestamp": _AT,
    "age_seconds": 0.4,
    "fits": "no",
    "complete": True,
    "not_checked": [],
    "replicas": 1,
    "placed": 0,
    "max_replicas": 0,
    "resource": "nvidia.com/gpu",
    "device_class": None,
    "pods": [
        {
            "name": "Pod",
            "fits": "no",
            "replicas": 1,
            "placed": 0,
            "placements": [],
            "reasons": _FIT_REASONS,
            "message": "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, "
            "1 node(s) were unschedulable.",
        }
    ],
    "quota": None,
    "nearest": [{"change": "gpus", "value": "6", "gpus": 6, "replicas": 1}],
    "evictable": None,
}
_CLUSTERS: Clusters = {
    "clusters": [
        {
            "name": "prod-cluster",
            "local": True,
            "status": "ok",
            "age_seconds": 0.412,
            "totals": {"total_gpus": 16, "allocated_gpus": 2, "available_gpus": 6, "running_tasks": 1},
        },
        {
            "name": "lab",
            "local": False,
            "status": "unreachable",
            "age_seconds": None,
            "totals": None,
            "reason": "TIMEOUT",
        },
    ]
}
_SUMMARY: Summary = {
    "timestamp": _AT,
    "current_gpu_usage": _USAGE,
    "running_tasks": 1,
    "available_resources": _AVAILABLE,
    "coverage": 0.5,
    "products": _PRODUCTS,
    "gpu_nodes": _GPU_NODES,
    "without_products": [],
    "clusters": [
        {
            "name": "prod-cluster",
            "local": True,
            "status": "ok",
            "age_seconds": 0.412,
            "current_gpu_usage": _USAGE,
            "running_tasks": 1,
            "available_resources": _AVAILABLE,
            "products": _PRODUCTS,
            "gpu_nodes": _GPU_NODES,
            "reasons": {},
        },
        {
            "name": "lab",
            "local": False,
            "status": "unreachable",
            "age_seconds": None,
            "current_gpu_usage": None,
            "running_tasks": None,
            "available_resources": None,
            "products": None,
            "gpu_nodes": None,
            "reasons": {},
            "reason": "TIMEOUT",
        },
    ],
    "unreachable": ["lab"],
}
_RECORD_DETAIL: FitRecordDetail = {
    "cluster": "prod-cluster",
    "timestamp": _AT,
    "fit_record": _RECORD,
    "abstained": {"deleted": 2, "raced": 4, "volumes": 3},
    "cases": [
        {
            "timestamp": "2025-12-19T14:02:11Z",
            "namespace": "research",
            "pod_name": "train-0",
            "said": "no",
            "because": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
            "node_name": "gpu-node-1",
            "message": None,
            "omitted_nodes": 0,
            "file": {
                "differences": [
                    "Lens: no: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
                    "kube-scheduler: bound to gpu-node-1",
                ],
                "fleet": {
                    "namespaces": [{"metadata": {"name": "research", "labels": {}}}],
                    "nodes": [
                        {
                            "metadata": {"name": "gpu-node-1", "labels": {}},
                            "spec": {},
                            "status": {"allocatable": {"nvidia.com/gpu": "8", "pods": "110"}},
                        }
                    ],
                    "pods": [],
                    "asked": [
                        {
                            "metadata": {"name": "asked", "namespace": "research", "labels": {}},
                            "spec": {
                                "containers": [
                                    {"name": "main", "resources": {"requests": {"nvidia.com/gpu": "9"}}}
                                ]
                            },
                            "status": {},
                        }
                    ],
                },
            },
        }
    ],
}
_HEALTH: Health = {"status": "ok"}

EXAMPLES: Mapping[type, object] = {
    Clusters: _CLUSTERS,
    Summary: _SUMMARY,
    Status: _STATUS,
    RunningTasks: _TASKS,
    PendingTasks: _PENDING,
    Nodes: {
        "cluster": "prod-cluster",
        "timestamp": _AT,
        "total_nodes": 1,
        "continue": None,
        "nodes": [_NODE],
    },
    NodeDetail: _NODE_DETAIL,
    Fit: _FIT,
    FitRecordDetail: _RECORD_DETAIL,
    Access: {
        "caller": "system:serviceaccount:team-a:jane",
        "cluster": "prod-cluster",
        "clusters": ["prod-cluster"],
        "realtime": False,
        "capacity": True,
        "namespace": {"name": "team-a", "tasks": True, "capacity": True},
        "namespaces": None,
        "paths": None,
        "version": "0.1.0",
        "page": "aa1d26ab156954c4",
    },
    Health: _HEALTH,
}
"""Examples by the type of their data; every route's type has one."""
