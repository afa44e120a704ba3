"""The cluster that is attacked: nodes of 8 GPUs, 10 pods on each, and who has which right."""

from datetime import UTC, datetime
from typing import Any

from lens_sim.apiserver.reviews import API_AUDIENCE, Account, Accounts, Right
from lens_sim.cluster.nodes import loopback
from lens_sim.objects.resources import DAEMON_SETS, NAMESPACES, NODES, PODS
from lens_sim.objects.store import Store

Object = dict[str, Any]

NAME = "attacked"
GPU = "nvidia.com/gpu"
GPUS_PER_NODE = 8
PODS_PER_NODE = 10
AGENTS_NAMESPACE = "lens"
AGENTS_LABEL = "app.kubernetes.io/name"
DAEMON_SET = "lens-agent"
DAEMON_SET_UID = "d5b1f0c2-0000-4000-8000-000000000001"
TENANT_NAMESPACE = "tenant"
"""The namespace in which tenants may create pods, and whose tasks they may ask for."""

HONEST = tuple(f"honest-token-{number}" for number in range(16))
NEWCOMERS = tuple(f"newcomer-token-{number}" for number in range(64))
"""Right tokens, which Lens has not seen before."""

LATECOMERS = tuple(f"latecomer-token-{number}" for number in range(64))
"""The same, for later."""

TENANTS = tuple(f"tenant-token-{number}" for number in range(40))
_AUDIENCES = (API_AUDIENCE, "lens")


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def fill(store: Store, nodes: int) -> None:
    """Make the nodes and their pods."""
    at = now()
    for namespace in ("default", "team", AGENTS_NAMESPACE, TENANT_NAMESPACE):
        store.put(NAMESPACES, {"metadata": {"name": namespace}}, at)
    store.put(DAEMON_SETS, _daemon_set(), at)
    for number in range(1, nodes + 1):
        store.put(NODES, node(node_name(number)), at)
        store.put(PODS, _agent(number), at)
        for index in range(PODS_PER_NODE - 1):
            namespace = TENANT_NAMESPACE if index == 0 else "team"
            store.put(PODS, pod(f"train-{number:04}-{index}", node_name(number), index < 8, namespace), at)


def give_rights(accounts: Accounts) -> None:
    """Let honest callers and newcomers ask for everything, tenants for their namespace's tasks."""
    everything = Right("get", "lens", "realtime")
    for tokens, right in (
        (HONEST + NEWCOMERS + LATECOMERS, everything),
        (TENANTS, everything._replace(namespace=TENANT_NAMESPACE)),
    ):
        for token in tokens:
            name = token.replace("token", "user")
            accounts.by_token[token] = Account(name, uid=name, audiences=_AUDIENCES)
            accounts.rights[name] = {right}


def node_name(number: int) -> str:
    """Return the name of the node of a number, from 1 on."""
    return f"node-{number:04}"


def pod(name: str, node: str | None, has_gpu: bool, namespace: str, **metadata: Any) -> Object:
    """Return a pod of about 2 KB, running on a node, or pending where there is none."""
    settings = [{"name": f"NCCL_SETTING_{each}", "value": f"some value, {each}"} for each in range(20)]
    resources = {"limits": {GPU: "1"}} if has_gpu else {}
    spec: Object = {
        "containers": [{"name": "main", "image": "train:1", "env": settings, "resources": resources}],
        "tolerations": [{"operator": "Exists"}],
    }
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "train"}, **metadata},
        "spec": spec if node is None else {**spec, "nodeName": node},
        "status": {"phase": "Pending"} if node is None else {"phase": "Running", "startTime": _time()},
    }


def node(name: str, *, ready: bool = True, cordoned: bool = False) -> Object:
    """Return a node of 8 GPUs."""
    room = {"cpu": "96", "memory": "1Ti", "pods": "250", GPU: str(GPUS_PER_NODE)}
    known = ("True", "KubeletReady") if ready else ("False", "KubeletNotReady")
    return {
        "metadata": {"name": name},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [{"type": "Ready", "status": known[0], "reason": known[1]}],
        },
    }


def _time() -> str:
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _daemon_set() -> Object:
    metadata = {"name": DAEMON_SET, "namespace": AGENTS_NAMESPACE, "uid": DAEMON_SET_UID}
    return {"metadata": metadata, "spec": {}, "status": {}}


def _agent(number: int) -> Object:
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": DAEMON_SET, "uid": DAEMON_SET_UID}
    made = pod(
        f"{DAEMON_SET}-{number:04}",
        node_name(number),
        False,
        AGENTS_NAMESPACE,
        ownerReferences=[{**owner, "controller": True}],
    )
    made["metadata"]["labels"] = {AGENTS_LABEL: DAEMON_SET}
    made["status"]["podIP"] = loopback(number)
    return made
