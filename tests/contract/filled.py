"""A cluster that has everything: nodes, tasks and waiting pods of every sort, telemetry, alerts, events."""

from lens.model.alerts.alert import Alert, AlertObject
from lens.model.cluster_state import AlertsAndEvents
from lens.model.events.transitions import Event
from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, Manifest, node, pod
from tests.unit.model import dra_manifests

MIG = "nvidia.com/mig-1g.10gb"
SINCE = "2025-12-19T15:10:00Z"


def fill(cluster: Cluster) -> None:
    """File and publish it all, current at NOW."""
    named = pod("named", "gpu-0")
    devices = [{"name": "nvidia.com/gpu", "resources": [{"resourceID": "GPU-a"}]}]
    named["status"]["containerStatuses"] = [{"name": "main", "allocatedResourcesStatus": devices}]
    cluster.add(
        node("gpu-0", product="NVIDIA-H100-80GB-HBM3", healthy=7),
        node("gpu-1", ready=False, taints=[{"key": "a", "effect": "NoSchedule"}]),
        node("gpu-2", cordoned=True),
        node("mig", resource=MIG),
        pod("bare", "gpu-0"),
        pod("owned", "gpu-0", owner=("batch/v1", "Job", "train"), started=None),
        pod("starting", "gpu-0", phase="Pending", started=None),
        pod("ending", "gpu-2", namespace="team-b", terminating=True),
        pod("orphan", "gone"),
        pod("part", "mig", resource=MIG),
        named,
        *_dra(),
        _waiting("waiting", {}, {}),
        _waiting(
            "unschedulable", {"priority": 100}, _unscheduled("Unschedulable", "0/4 nodes are available")
        ),
        _waiting(
            "gated",
            {
                "schedulingGates": [{"name": "kueue.x-k8s.io/admission"}],
                "nodeSelector": {"pool": "gpu"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
                "affinity": {"nodeAffinity": {}},
            },
            _unscheduled("SchedulingGated", "Scheduling is blocked"),
        ),
    )
    cluster.publish(NOW)
    ledger = TelemetryCache(stale_after=30, unknown_after=60)
    ledger.put("gpu-0", _telemetry(), NOW)
    cluster.state.telemetry = ledger.snapshot()
    cluster.state.alerts_and_events = AlertsAndEvents(
        NOW,
        (
            Alert(
                "GpuLost:GPU/gpu-0/GPU-1",
                "GpuLost",
                "critical",
                "lost",
                "Drain.",
                NOW - 60,
                "GPU/gpu-0/GPU-1",
                AlertObject("gpu-0", "GPU-1", 1),
            ),
            Alert(
                "GpusIdle:…",
                "GpusIdle",
                "warning",
                "idle",
                "Ask.",
                NOW - 5,
                "Pod/ml-team/a",
                AlertObject("gpu-0", namespace="ml-team", pod="a"),
            ),
        ),
        (
            Event(NOW - 1, "GpuLost", "GPU/gpu-0/GPU-1", "GPU 1 of gpu-0 is lost"),
            Event(NOW - 2, "TaskStarted", "Pod/ml-team/bare", "ml-team/bare started", "ml-team"),
            Event(
                NOW - 3, "Kubernetes", "Pod/ml-team/bare", "0/2", "ml-team", "scheduler", "FailedScheduling"
            ),
        ),
    )


def _dra() -> tuple[Manifest, ...]:
    """Return a node whose GPUs DRA hands out: to a task, for no pod, tainted, in parts, in an odd pool."""
    task = pod("claiming", "node-1", resource="cpu")
    task["metadata"]["uid"] = "uid-claiming"
    task["spec"]["resourceClaims"] = [{"name": "gpus", "resourceClaimName": "claim-1"}]
    late = _waiting("late", {"resourceClaims": [{"name": "gpus", "resourceClaimName": "late"}]}, {})
    held = dra_manifests.result("gpu-0", bindingConditions=["Attached"])
    part = dra_manifests.result("part", shareID="s-1", consumedCapacity={"memory": "10Gi"})
    devices = {"driver": dra_manifests.DRIVER, "pool": "node-1", "device": "gpu-0"}
    conditions = [{"type": "Ready", "status": "True", "reason": "Ok"}]
    shared = dra_manifests.device(
        "part",
        {"type": "mig", "parentUUID": "GPU-parent"},
        allowMultipleAllocations=True,
        capacity={"memory": {"value": "40Gi"}},
    )
    return (
        node("node-1", 0),
        dra_manifests.resource_slice(
            dra_manifests.gpu(0), dra_manifests.gpu(1, taints=["hot:NoSchedule"]), shared
        ),
        dra_manifests.resource_slice(
            dra_manifests.gpu(2), name="shared", pool="shared", node=None, allNodes=True
        ),
        dra_manifests.resource_slice(dra_manifests.gpu(3), name="odd", pool="odd", count=2),
        dra_manifests.claim(
            held,
            namespace="ml-team",
            pods=["claiming"],
            status={"devices": [{**devices, "conditions": conditions}]},
        ),
        dra_manifests.claim(part, name="left", namespace="ml-team"),
        dra_manifests.claim(name="late", namespace="ml-team"),
        dra_manifests.device_class(),
        dra_manifests.taint_rule(device="gpu-1"),
        dra_manifests.taint_rule("by-class", deviceClassName="some"),
        task,
        late,
    )


def _waiting(name: str, spec: Manifest, status: Manifest) -> Manifest:
    waiting = pod(name, "", 2, phase="Pending", started=None)
    waiting["metadata"]["creationTimestamp"] = SINCE
    waiting["spec"].update(spec)
    waiting["status"].update(status)
    return waiting


def _unscheduled(reason: str, message: str) -> Manifest:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return {"conditions": [condition]}


def _telemetry() -> NodeTelemetry:
    gpus = (
        GpuTelemetry(
            index=0,
            uuid="GPU-0",
            sampled_at=NOW,
            health=Health(state="ok"),
            product="NVIDIA H100 80GB HBM3",
            utilization_percent=90.0,
            memory_used_bytes=1000,
            memory_total_bytes=80_000,
            temperature_celsius=61.0,
            power_watts=512.4,
        ),
        GpuTelemetry(
            index=1,
            uuid="GPU-1",
            sampled_at=NOW,
            health=Health(state="lost"),
            reasons={"utilization_percent": "GPU_IS_LOST"},
        ),
    )
    holder = Holder(
        namespace="ml-team",
        pod="bare",
        container="main",
        resource="nvidia.com/gpu",
        device_id="GPU-0",
        gpu_uuid="GPU-0",
    )
    return NodeTelemetry(node="gpu-0", source="agent", sampled_at=NOW, gpus=gpus, holders=(holder,))
