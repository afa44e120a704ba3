"""Nodes, pods and their owners in the mixture of a real GPU cluster, the same for the same seed."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.e2e.cluster.api import Manifest

NVIDIA = "nvidia.com/gpu"
AMD = "amd.com/gpu"
NAMESPACES = ("inference", "research", "training")
ZONES = ("east", "west")
SANDBOX = "sandbox"  # a RuntimeClass whose pods have an overhead


@dataclass(frozen=True)
class Pool:
    """A kind of node: its GPUs, and how many of 100 nodes are of it and how many of those are tainted."""

    name: str
    resource: str
    gpus: int
    share: int
    tainted: int


POOLS = (
    Pool("h100", NVIDIA, gpus=8, share=40, tainted=60),
    Pool("a100", NVIDIA, gpus=8, share=20, tainted=30),
    Pool("l4", NVIDIA, gpus=4, share=20, tainted=0),
    Pool("mi300x", AMD, gpus=8, share=12, tainted=50),
    Pool("cpu", "", gpus=0, share=8, tainted=0),
)

# GPUs that a pod asks for, and how many of 100 pods do: at ten pods a node about 85 % of what the pools have.
REQUESTS = {0: 66, 1: 24, 2: 6, 4: 3, 8: 1}


def runtime_class() -> Manifest:
    """Return the RuntimeClass that some pods name."""
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": SANDBOX},
        "handler": SANDBOX,
        "overhead": {"podFixed": {"cpu": "250m", "memory": "120Mi"}},
    }


def nodes(count: int, random: Random) -> list[Manifest]:
    """Return nodes for kwok to play the kubelet of; one in fifty has a GPU that is not allocatable."""
    pools = random.choices(POOLS, [pool.share for pool in POOLS], k=count)
    return [_node(f"{pool.name}-{index:04d}", pool, random) for index, pool in enumerate(pools)]


def pods(count: int, random: Random, *, padding: bool) -> list[Manifest]:
    """Return bare pods that ask for 0 to 8 GPUs in all the ways there are; one in a hundred fits no node.

    `padding` gives each the environment and annotations that bring a real pod's JSON to about 7 KB.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"task-{index:05d}",
                "namespace": random.choice(NAMESPACES),
                "labels": {"app": "task"},
                "annotations": _annotations(random) if padding else {},
            },
            "spec": _pod_spec(random, padding=padding),
        }
        for index in range(count)
    ]


def deployments(count: int, replicas: int, random: Random, *, padding: bool) -> list[Manifest]:
    """Return Deployments, whose pods belong to ReplicaSets."""
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"server-{index:03d}", "namespace": random.choice(NAMESPACES)},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": f"server-{index:03d}"}},
                "template": _template(f"server-{index:03d}", "Always", random, padding=padding),
            },
        }
        for index in range(count)
    ]


def jobs(count: int, parallelism: int, random: Random, *, padding: bool) -> list[Manifest]:
    """Return Jobs whose pods run until a test ends them."""
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": f"batch-{index:03d}", "namespace": random.choice(NAMESPACES)},
            "spec": {
                "parallelism": parallelism,
                "completions": parallelism,
                "template": _template(f"batch-{index:03d}", "Never", random, padding=padding),
            },
        }
        for index in range(count)
    ]


def _node(name: str, pool: Pool, random: Random) -> Manifest:
    capacity = {"cpu": "96", "memory": "768Gi", "ephemeral-storage": "4Ti", "pods": "110"}
    allocatable = dict(capacity)
    taints = []
    if pool.gpus:
        capacity[pool.resource] = str(pool.gpus)
        allocatable[pool.resource] = str(pool.gpus - (random.randrange(50) == 0))
        if random.randrange(100) < pool.tainted:
            taints.append({"key": pool.resource, "effect": "NoSchedule"})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "topology.kubernetes.io/zone": random.choice(ZONES),
                "pool": pool.name,
            },
        },
        "spec": {"taints": taints},
        "status": {"capacity": capacity, "allocatable": allocatable},
    }


def _template(app: str, restart_policy: str, random: Random, *, padding: bool) -> Manifest:
    metadata = {"labels": {"app": app}, "annotations": _annotations(random) if padding else {}}
    return {
        "metadata": metadata,
        "spec": {**_pod_spec(random, padding=padding), "restartPolicy": restart_policy},
    }


def _pod_spec(random: Random, *, padding: bool) -> Manifest:
    [gpus] = random.choices(list(REQUESTS), list(REQUESTS.values()))
    resource = random.choices((NVIDIA, AMD), (88, 12))[0]
    shape = random.choice(_SHAPES)
    spec = shape(gpus, resource, random)
    if padding:
        for container in spec["containers"]:
            container["env"] = _environment(random, 20 // len(spec["containers"]))
    if gpus and random.randrange(100) < 70:
        spec["tolerations"] = [{"key": resource, "operator": "Exists", "effect": "NoSchedule"}]
    if random.randrange(100) == 0:
        spec["nodeSelector"] = {"pool": "not-bought-yet"}
    return spec


def _plain(gpus: int, resource: str, random: Random) -> Manifest:
    return {"containers": [_container("main", gpus, resource, random)]}


def _limits_only(gpus: int, resource: str, random: Random) -> Manifest:
    container = _container("main", gpus, resource, random)
    del container["resources"]["requests"]
    return {"containers": [container]}


def _two_containers(gpus: int, resource: str, random: Random) -> Manifest:
    first = gpus // 2
    return {
        "containers": [
            _container("main", gpus - first, resource, random),
            _container("evaluator", first, resource, random),
        ]
    }


def _init_peak(gpus: int, resource: str, random: Random) -> Manifest:
    """Ask for the most GPUs in an init container: the peak that the pod holds all its life."""
    return {
        "initContainers": [_container("warm-up", gpus, resource, random)],
        "containers": [_container("main", gpus // 2, resource, random)],
    }


def _sidecar(gpus: int, resource: str, random: Random) -> Manifest:
    """Ask for one of the GPUs in a sidecar (KEP-753)."""
    sidecar = _container("cache", min(gpus, 1), resource, random) | {"restartPolicy": "Always"}
    return {
        "initContainers": [_container("fetch", 0, resource, random), sidecar],
        "containers": [_container("main", max(gpus - 1, 0), resource, random)],
    }


def _overhead(gpus: int, resource: str, random: Random) -> Manifest:
    return _plain(gpus, resource, random) | {"runtimeClassName": SANDBOX}


_SHAPES: tuple[Callable[[int, str, Random], Manifest], ...] = (
    _plain,
    _plain,
    _limits_only,
    _two_containers,
    _init_peak,
    _sidecar,
    _overhead,
)


def _container(name: str, gpus: int, resource: str, random: Random) -> Manifest:
    requests = {
        "cpu": random.choice(("500m", "1", "2", "4")),
        "memory": random.choice(("1Gi", "4Gi", "16Gi")),
    }
    if gpus:
        requests[resource] = str(gpus)
    resources: dict[str, Any] = {"requests": requests, "limits": dict(requests)}
    return {"name": name, "image": f"{name}:v1", "resources": resources}


def _environment(random: Random, count: int) -> list[dict[str, str]]:
    return [{"name": f"SETTING_{index:02d}", "value": _hex(random, 24)} for index in range(count)]


def _annotations(random: Random) -> dict[str, str]:
    return {f"example.com/note-{index}": _hex(random, 200) for index in range(4)}


def _hex(random: Random, length: int) -> str:
    return f"{random.getrandbits(4 * length):0{length}x}"
