"""``/api/v1/realtime/running-tasks``: the pods that hold GPUs and are Running."""

from lens.api import schemas
from lens.api.parameters import TaskParameters
from lens.model import timestamps
from lens.model.board import Notice
from lens.model.pod import Pod
from lens.model.usage import Usage, usage


def running_tasks(notice: Notice, asked: TaskParameters, _now: float) -> schemas.RunningTasks:
    """Return the tasks by namespace and name, as they were when the figures were last current."""
    current_at = int(notice.current_at)
    told = notice.telemetry.nodes
    pods = sorted(notice.snapshot.running(asked.namespace), key=lambda pod: (pod.namespace, pod.name))
    return {
        "cluster": asked.cluster,
        "timestamp": timestamps.render(current_at),
        "total_tasks": len(pods),
        "tasks": [_task(pod, current_at, usage(pod, told.get(pod.node))) for pod in pods],
    }


def _task(pod: Pod, current_at: int, used: Usage) -> schemas.Task:
    started_at = pod.started_at
    return {
        "pod_uid": pod.uid,
        "pod_name": pod.name,
        "namespace": pod.namespace,
        "workload_type": pod.workload.kind,
        "workload_name": pod.workload.name,
        "node_name": pod.node,
        "allocated_gpus": pod.gpus,
        # A node's clock may be ahead of ours.
        "running_time_seconds": 0 if started_at is None else max(0, current_at - started_at),
        "started_at": None if started_at is None else timestamps.render(started_at),
        "owner": pod.owner,
        "resources": dict(pod.units),
        "terminating": pod.terminating,
        "utilization": used.utilization_percent,
        "memory_used_bytes": used.memory_used_bytes,
        "gpu_uuids": None if used.gpus is None else list(used.gpus),
        "utilization_reason": used.reason,
    }
