"""A fleet of simulated GPU nodes and the pods on them, made through the API."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random

from tests.e2e.cluster import shapes
from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.waiting import wait_until

CONCURRENCY = 64
OWNED_EACH = 10  # pods of a Deployment or a Job
OWNED_SHARE = 10  # one in so many pods belongs to a Deployment, and one in so many to a Job

DEPLOYMENTS = "apis/apps/v1", "deployments"
JOBS = "apis/batch/v1", "jobs"
PODS = "api/v1", "pods"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


async def populate(
    api: Api, *, nodes: int, pods: int, seed: int = 1, padding: bool = True, deadline_s: float = 600
) -> None:
    """Create `nodes` nodes, wait until they are ready, and create `pods` pods; what exists is left as it is.

    The same numbers and seed give the same fleet. All pods exist on return; `scheduler.wait_until_quiet`
    waits until they run. Raises TimeoutError.
    """
    random = Random(seed)
    groups = pods // OWNED_SHARE // OWNED_EACH
    await api.ensure("/apis/node.k8s.io/v1/runtimeclasses", shapes.runtime_class())
    await _create_namespaces(api, deadline_s)
    await _ensure_all(api, (("/api/v1/nodes", node) for node in shapes.nodes(nodes, random)))
    await wait_until(lambda: _all_nodes_ready(api), "readiness of all nodes", deadline_s)

    owned = 2 * groups * OWNED_EACH
    await _ensure_all(
        api, _namespaced(DEPLOYMENTS, shapes.deployments(groups, OWNED_EACH, random, padding=padding))
    )
    await _ensure_all(api, _namespaced(JOBS, shapes.jobs(groups, OWNED_EACH, random, padding=padding)))
    await _ensure_all(api, _namespaced(PODS, shapes.pods(pods - owned, random, padding=padding)))
    await wait_until(lambda: _owners_have_pods(api), "pods of every Deployment and Job", deadline_s)


async def stop_heartbeats(api: Api, node: str) -> None:
    """Silence a node as if its kubelet were gone: it turns NotReady four heartbeats later.

    Its lease goes to a holder that never renews it, and kwok acts for a node only while it holds that.
    """
    # A last renewal goes with it: the node lifecycle controller of 1.37 (NodeControllerLeaseCircuitBreaker)
    # takes a lease that changed without one for a sign of its own stale cache, and judges no node until then.
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lease = {"holderIdentity": "nobody", "leaseDurationSeconds": 86_400, "renewTime": now}
    await api.patch(f"{LEASES}/{node}", {"spec": lease})


async def resume_heartbeats(api: Api, node: str) -> None:
    """Give a silenced node's lease back: kwok takes it within 15 s and the node turns Ready."""
    await api.patch(f"{LEASES}/{node}", {"spec": {"holderIdentity": None}})


async def wait_node_ready(api: Api, node: str, *, ready: bool, deadline_s: float = 120) -> float:
    """Wait until a node is Ready and untainted, or NotReady and tainted; return the seconds it took."""

    async def settled() -> bool:
        return _readiness(await api.node(node)) is ready

    return await wait_until(settled, f"node {node} {'Ready' if ready else 'NotReady'}", deadline_s)


async def _create_namespaces(api: Api, deadline_s: float) -> None:
    for name in shapes.NAMESPACES:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await api.ensure("/api/v1/namespaces", namespace)

    async def have_service_accounts() -> bool:
        # Admission refuses a pod while its namespace has no default ServiceAccount.
        accounts = await api.list_all("/api/v1/serviceaccounts", field_selector="metadata.name=default")
        return {account["metadata"]["namespace"] for account in accounts}.issuperset(shapes.NAMESPACES)

    await wait_until(have_service_accounts, "default ServiceAccount in every namespace", deadline_s)


async def _ensure_all(api: Api, wanted: Iterable[tuple[str, Manifest]]) -> None:
    """Create each manifest in its collection, a bounded number at a time."""
    queue = iter(wanted)

    async def work() -> None:
        for collection, manifest in queue:
            await api.ensure(collection, manifest)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(work())


def _namespaced(kind: tuple[str, str], manifests: list[Manifest]) -> Iterable[tuple[str, Manifest]]:
    group, plural = kind
    for manifest in manifests:
        yield f"/{group}/namespaces/{manifest['metadata']['namespace']}/{plural}", manifest


async def _all_nodes_ready(api: Api) -> bool:
    return all(_readiness(node) for node in await api.nodes())


async def _owners_have_pods(api: Api) -> bool:
    deployments = await api.list_all("/" + "/".join(DEPLOYMENTS))
    jobs = await api.list_all("/" + "/".join(JOBS))
    return all(one["status"].get("replicas", 0) == one["spec"]["replicas"] for one in deployments) and all(
        sum(one["status"].get(count, 0) for count in ("active", "succeeded", "failed"))
        >= one["spec"]["parallelism"]
        for one in jobs
    )


def _readiness(node: Manifest) -> bool | None:
    """Return whether a node is Ready, or None while its condition and its taints do not agree yet."""
    conditions = {one["type"]: one["status"] for one in node["status"].get("conditions", ())}
    ready = conditions.get("Ready") == "True"
    taints = {taint["key"] for taint in node["spec"].get("taints", ())}
    unwell = bool(taints & {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
    return ready if ready != unwell else None
