"""The numbers are the scheduler's, to the last GPU."""

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.agreement import agree
from tests.e2e.cluster import scheduler
from tests.e2e.cluster.api import Api, ApiError
from tests.e2e.cluster.given import Cluster
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.lens import Lens

TOLERATIONS = [{"key": key, "operator": "Exists"} for key in ("nvidia.com/gpu", "amd.com/gpu")]


async def test_every_figure_equals_a_recount_of_the_raw_objects(api: Api, lens: Lens) -> None:
    await agree(api, lens, "the start")


async def test_what_is_held_equals_the_schedulers_own_metrics(cluster: Cluster, lens: Lens) -> None:
    control_plane = cluster.control_plane
    if control_plane is None:
        pytest.skip("the scheduler's metrics of a given cluster are out of reach")
    scheduled: Counter[tuple[str, str]] = Counter()
    for sample in await scheduler.resource_requests(control_plane.scheduler_resources_url):
        if sample.node and sample.resource in ("nvidia.com/gpu", "amd.com/gpu"):
            scheduled[sample.node, sample.resource] += int(sample.amount)
    held = {
        (node["node_name"], each["resource"]): each["allocated"]
        for node in (await lens.status())["nodes"]
        for each in node["resources"]
        if each["allocated"]
    }
    print(f"\n  kube-scheduler: {scheduled.total()} GPUs requested; Lens: {sum(held.values())} held", end="")
    assert held == dict(scheduled)


async def test_a_pod_as_large_as_max_contiguous_is_placed_and_a_larger_one_is_not(
    api: Api, lens: Lens
) -> None:
    largest: Counter[str] = Counter()
    status = await lens.status()
    for node in status["nodes"]:
        for each in node["resources"]:
            largest[each["resource"]] = max(largest[each["resource"]], each["available"])
    assert max(largest.values()) == status["available_resources"]["max_contiguous_gpu"]
    for resource, size in sorted(largest.items()):
        too_large = await _ask(api, f"fits-not-{resource.partition('.')[0]}", resource, size + 1)
        assert await _outcome(api, too_large) == "Unschedulable"
        await api.delete_pod("default", too_large, grace_seconds=0)
        if size:
            fits = await _ask(api, f"fits-{resource.partition('.')[0]}", resource, size)
            assert await _outcome(api, fits) == "placed"
        print(f"\n  {resource}: kube-scheduler places {size} and refuses {size + 1}", end="")
    await agree(api, lens, "the largest pods were placed")


async def test_lens_may_only_read_pods_and_nodes(service_account: Path) -> None:
    async with Api.from_kubeconfig(service_account) as own:
        for verb, resource, group in (
            ("list", "secrets", ""),
            ("create", "pods", ""),
            ("patch", "nodes", ""),
            ("create", "events", ""),
            ("list", "customresourcedefinitions", "apiextensions.k8s.io"),
        ):
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {"verb": verb, "resource": resource, "group": group}},
            }
            answer = await own.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
            assert answer["status"]["allowed"] is False, (verb, resource)
        with pytest.raises(ApiError):
            await own.list_all("/api/v1/secrets")


async def _ask(api: Api, name: str, resource: str, units: int) -> str:
    await api.create_pod(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "containers": [
                    {"name": "main", "image": "none", "resources": {"limits": {resource: str(units)}}}
                ],
                "tolerations": TOLERATIONS,
            },
        }
    )
    return name


async def _outcome(api: Api, name: str) -> str:
    """Return what the scheduler made of a pod."""
    outcome = ""

    async def decided() -> bool:
        nonlocal outcome
        pod = await api.pod("default", name)
        if pod["spec"].get("nodeName"):
            outcome = "placed"
        for condition in pod["status"].get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                outcome = condition["reason"]
        return bool(outcome)

    await wait_until(decided, f"decision about {name}", 30)
    return outcome
