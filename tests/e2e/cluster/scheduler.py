"""What the cluster's own scheduler says: whether it is at rest, and what pods request."""

from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.waiting import wait_until


@dataclass(frozen=True)
class ResourceRequest:
    """A sample of `kube_pod_resource_request` (KEP-1748): `node` is empty while the pod is not bound."""

    namespace: str
    pod: str
    node: str
    resource: str
    amount: float


async def resource_requests(url: str) -> list[ResourceRequest]:
    """Read the scheduler's `/metrics/resources`: the pods that are neither Succeeded nor Failed."""
    async with aiohttp.ClientSession() as session, session.get(url, ssl=False) as response:
        response.raise_for_status()
        text = await response.text()
    return [
        ResourceRequest(
            namespace=sample.labels["namespace"],
            pod=sample.labels["pod"],
            node=sample.labels["node"],
            resource=sample.labels["resource"],
            amount=sample.value,
        )
        for family in text_string_to_metric_families(text)
        if family.name == "kube_pod_resource_request"
        for sample in family.samples
    ]


async def wait_until_quiet(api: Api, deadline_s: float = 120) -> float:
    """Wait until no pod is on its way: each one runs, has ended, or was refused by the scheduler.

    Two looks in a row must agree, since a pod that was refused is tried again when room appears. Returns the
    seconds it took. Raises TimeoutError.
    """
    before: list[str] | None = None

    async def quiet() -> bool:
        nonlocal before
        earlier, before = before, await _refused_pods(api)
        return before is not None and before == earlier

    return await wait_until(quiet, "quiet scheduler", deadline_s, every_s=1)


async def _refused_pods(api: Api) -> list[str] | None:
    """Return the uids of the pods that fit no node, or None if another one is still on its way."""
    refused: list[str] = []
    async for page in api.pages("/api/v1/pods", field_selector="status.phase=Pending"):
        for pod in page:
            if not _is_refused(pod):
                return None
            refused.append(pod["metadata"]["uid"])
    return refused


def _is_refused(pod: Manifest) -> bool:
    return any(
        condition["type"] == "PodScheduled"
        and condition.get("reason") in ("Unschedulable", "SchedulingGated")
        for condition in pod["status"].get("conditions", ())
    )
