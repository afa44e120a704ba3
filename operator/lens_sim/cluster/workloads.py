"""The workloads of the simulated cluster: the owners, names and labels of its pods."""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from lens_sim.cluster.claims import ClaimRequest
from lens_sim.cluster.pods import Owner, Pod, Shape
from lens_sim.cluster.pools import DYNAMIC, PARTITIONED, TIME_SLICED, WHOLE, Pool
from lens_sim.objects.names import made_up
from lens_sim.objects.resourcelist import ResourceList
from lens_sim.objects.taints import DEFAULT_TOLERATIONS, Toleration


class Workload(NamedTuple):
    """A workload that is started again and again: `pods` of one shape that last some `minutes` (both ranges).

    `kind` is the top of the chain of owners; a kind of Pod has none.
    """

    kind: str
    namespace: str
    name: str
    shape: Shape
    pods: tuple[int, int] = (1, 1)
    minutes: tuple[float, float] = (5, 30)
    weight: int = 1


def gpus(count: int) -> ResourceList:
    """Return whole GPUs with the CPUs and memory that go with them."""
    return ResourceList(gpus=count, milli_cpu=12_000 * count, memory=98_304 * count)


def claims(count: int, device_class: str = "gpu.nvidia.com", share: str = "") -> Shape:
    """Return a shape that claims this many GPUs, with CPUs and memory that a full node has too."""
    return Shape(ResourceList(milli_cpu=8_000, memory=65_536), claim=ClaimRequest(device_class, count, share))


def served(count: int, device_class: str) -> Shape:
    """Return a shape that requests GPUs of a class as an extended resource, which a claim serves."""
    claim = ClaimRequest(device_class, count, extended=True)
    return Shape(ResourceList(milli_cpu=8_000, memory=65_536), claim=claim)


_REPLICATED_JOB = "workers"

_CPU_ONLY = ResourceList(milli_cpu=4_000, memory=8_192)
_SLICE = ResourceList(milli_cpu=2_000, memory=16_384, shared_gpus=1)
_PART = ResourceList(milli_cpu=1_000, memory=8_192, mig_devices=1)

ARRIVING = (
    Workload("Job", "ml-team", "training-job", Shape(gpus(4)), (1, 2), (4, 30), weight=4),
    Workload(
        "JobSet", "vision", "detector-training", Shape(gpus(3), sidecar=gpus(1)), (1, 2), (3, 20), weight=3
    ),
    Workload("Job", "speech", "asr-training", Shape(gpus(2), preflight=gpus(4)), (1, 2), (2, 15), weight=3),
    Workload("PyTorchJob", "research", "llm-finetune", Shape(gpus(8)), (1, 2), (5, 20), weight=2),
    Workload("PyTorchJob", "ml-team", "reward-model", Shape(gpus(2)), (2, 4), (4, 20), weight=2),
    Workload("Deployment", "ml-team", "chat-inference", Shape(gpus(1)), (1, 3), (10, 60), weight=3),
    Workload("Deployment", "vision", "image-search", Shape(gpus(2)), (1, 2), (8, 45), weight=2),
    Workload("Pod", "research", "notebook", Shape(gpus(1)), (1, 1), (3, 30), weight=4),
    Workload("Job", "speech", "audio-preprocess", Shape(_CPU_ONLY), (1, 2), (1, 5), weight=2),
)
"""The workloads that arrive at random, by weight."""

WHOLE_NODE = Workload("PyTorchJob", "research", "llm-finetune", Shape(gpus(8)), (1, 1), (1, 1.5))
"""The workload that uses a whole node for a short time."""

ARRIVING_IN: Mapping[Pool, Sequence[Workload]] = {
    WHOLE: tuple(each for each in ARRIVING if each.shape.requests.gpus < 8),
    TIME_SLICED: (
        Workload("Pod", "research", "lab", Shape(_SLICE), (1, 1), (3, 30), weight=2),
        Workload("Deployment", "vision", "labelling", Shape(_SLICE), (1, 3), (10, 60)),
    ),
    PARTITIONED: (
        Workload("Deployment", "speech", "transcriber", Shape(_PART), (2, 6), (10, 60)),
        Workload("Job", "ml-team", "distillation", Shape(_PART), (1, 4), (3, 20), weight=2),
    ),
    DYNAMIC: (
        Workload("Job", "speech", "voice-training", claims(2), (1, 2), (3, 15), weight=2),
        Workload("Job", "ml-team", "reranker", claims(4, "a100.nvidia.com"), (1, 1), (3, 12)),
        Workload("Deployment", "research", "playground", claims(1), (1, 2), (5, 30)),
    ),
}
"""The workloads that arrive for each pool of a mixed fleet."""

STANDING_IN: Mapping[Pool, Sequence[tuple[float, Workload]]] = {
    DYNAMIC: (
        (80.0, Workload("Deployment", "vision", "feature-store", claims(1, share="feature-store"), (2, 2))),
        (26.0, Workload("Job", "vision", "segmentation", served(2, "a100.nvidia.com"))),
    ),
}
"""What never ends in a mixed fleet, beside STANDING. The first of it shares a claim, the other
requests an extended resource that a claim serves."""

WAITING: Sequence[tuple[Workload, tuple[str, ...]]] = (
    (Workload("Job", "research", "long-context-eval", claims(8, "h200.nvidia.com")), ()),
    (Workload("Job", "research", "sweep", Shape(gpus(4))), ("kueue.x-k8s.io/admission",)),
)
"""What waits for ever in a mixed fleet, each with its scheduling gates: no node has what the first claims."""

CLAIMED = tuple(
    dict.fromkeys(
        (workload.namespace, workload.shape.claim)
        for workload in (
            *ARRIVING_IN[DYNAMIC],
            *(workload for _, workload in STANDING_IN[DYNAMIC]),
            *(workload for workload, _ in WAITING),
        )
        if workload.shape.claim is not None
    )
)
"""The claims' requests by namespace."""

SCHEDULED = (
    (600, Workload("CronJob", "ml-team", "embedding-refresh", Shape(gpus(1)), (1, 1), (2, 5))),
    (900, Workload("CronJob", "speech", "asr-regression", Shape(gpus(2)), (1, 1), (3, 8))),
)
"""The CronJobs, each with its period in seconds."""

STANDING = (
    (53.0, Workload("Job", "ml-team", "training-job", Shape(gpus(4)))),
    (30.5, Workload("Deployment", "ml-team", "chat-inference", Shape(gpus(1)), (2, 2))),
    (74.0, Workload("PyTorchJob", "research", "llm-pretrain", Shape(gpus(8)), (2, 2))),
)
"""The workloads that never end, each with the hours it has run when the simulation begins."""

DEVICE_PLUGIN = Workload(
    "DaemonSet", "gpu-operator", "nvidia-device-plugin", Shape(ResourceList(milli_cpu=100, memory=128))
)
"""The CPU-only pod of every node with a device plugin."""

DRA_DRIVER = DEVICE_PLUGIN._replace(name="nvidia-dra-driver-gpu-kubelet-plugin")
"""The same of the other nodes."""

AGENT = Workload("DaemonSet", "lens", "lens-agent", Shape(ResourceList(milli_cpu=50, memory=128)))
"""Lens' own pod on the nodes."""

NAMESPACES = ("default", "gpu-operator", "lens", "ml-team", "research", "speech", "vision")


def pods_of(workload: Workload, name: str, created: datetime, chance: random.Random) -> list[Pod]:
    """Make the pods of one start of a workload under a name of its own, with one duration for all.

    A CronJob's `name` is that of the Job it makes: its own and the minutes since 1970.
    """
    owner = _owner(workload, name, chance)
    labels = _labels(workload.kind, name, owner)
    lasts = timedelta(minutes=chance.uniform(*workload.minutes))
    names = _pod_names(workload.kind, name, owner, chance.randint(*workload.pods), chance)
    return [
        Pod(
            namespace=workload.namespace,
            name=pod_name,
            labels=labels | extra,
            owner=owner,
            shape=workload.shape,
            created=created,
            lasts=lasts,
            completes=workload.kind in ("Job", "CronJob", "JobSet", "PyTorchJob"),
            tolerations=(Toleration(),) if workload.kind == "DaemonSet" else DEFAULT_TOLERATIONS,
        )
        for pod_name, extra in names
    ]


def _owner(workload: Workload, name: str, chance: random.Random) -> Owner | None:
    uid = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    match workload.kind:
        case "Pod":
            return None
        case "Job":
            return Owner("batch/v1", "Job", name, uid)
        case "CronJob":
            return Owner("batch/v1", "Job", name, uid, _above(workload, "batch/v1", workload.name))
        case "JobSet":
            job_set = _above(workload, "jobset.x-k8s.io/v1alpha2", name)
            return Owner("batch/v1", "Job", f"{name}-{_REPLICATED_JOB}-0", uid, job_set)
        case "PyTorchJob":
            return Owner("kubeflow.org/v1", "PyTorchJob", name, uid)
        case "Deployment":
            deployment = _above(workload, "apps/v1", name)
            return Owner("apps/v1", "ReplicaSet", f"{name}-{made_up(10, chance)}", uid, deployment)
        case kind:
            return Owner("apps/v1", kind, name, uid)


def _above(workload: Workload, api_version: str, name: str) -> Owner:
    """Return the owner above an owner, whose uid follows from its name: a CronJob stays the same one."""
    uid = uuid.uuid5(uuid.NAMESPACE_URL, f"{api_version}/{workload.kind}/{workload.namespace}/{name}")
    return Owner(api_version, workload.kind, name, str(uid))


def _labels(kind: str, name: str, owner: Owner | None) -> dict[str, str]:
    if owner is None:
        return {"app": name}
    match kind:
        case "Job" | "CronJob":
            return _job_labels(owner)
        case "JobSet":
            assert owner.above is not None
            return _job_labels(owner) | {
                "jobset.sigs.k8s.io/jobset-name": owner.above.name,
                "jobset.sigs.k8s.io/jobset-uid": owner.above.uid,
                "jobset.sigs.k8s.io/replicatedjob-name": _REPLICATED_JOB,
                "jobset.sigs.k8s.io/job-index": "0",
            }
        case "PyTorchJob":
            return {
                "training.kubeflow.org/job-name": name,
                "training.kubeflow.org/operator-name": "pytorchjob",
            }
        case "Deployment":
            return {"app": name, "pod-template-hash": owner.name.rpartition("-")[2]}
        case _:
            return {"app.kubernetes.io/name": name}


def _job_labels(job: Owner) -> dict[str, str]:
    return {"batch.kubernetes.io/controller-uid": job.uid, "batch.kubernetes.io/job-name": job.name}


def _pod_names(
    kind: str, name: str, owner: Owner | None, count: int, chance: random.Random
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each pod's name and the labels that only it has."""
    if owner is None:
        yield name, {}
    elif kind == "Job":
        for index in range(count):
            yield f"{name}-worker-{index}", {}
    elif kind == "JobSet":
        for index in range(count):
            # By a random generator of its own, so that names don't change other events.
            of_this_name = random.Random(f"{owner.uid}/{index}")  # noqa: S311
            yield f"{owner.name}-{index}-{made_up(5, of_this_name)}", {}
    elif kind == "PyTorchJob":
        for index in range(count):
            role, number = ("worker", index - 1) if index else ("master", 0)
            labels = {"training.kubeflow.org/replica-type": role}
            yield f"{name}-{role}-{number}", labels | {"training.kubeflow.org/replica-index": str(number)}
    else:
        for _ in range(count):
            yield f"{owner.name}-{made_up(5, chance)}", {}
