"""What agrees at rest: claims, the scheduler's metrics, the apiserver's figures of pools, the recount."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.e2e.cluster import scheduler
from tests.e2e.cluster.api import Api
from tests.e2e.dra.pool_status import pool_statuses
from tests.e2e.dra.seen import Seen
from tests.recount import recount
from tests.recount_dra import DRIVERS

_GPU = re.compile(r"gpu-\d+")
_RESOURCES = re.compile(r"nvidia\.com/gpu|amd\.com/gpu|deviceclass\.resource\.kubernetes\.io/.+")


async def eventually(check: Callable[[], Awaitable[str]], deadline_s: float = 30) -> str:
    """Return what `check` says once it no longer raises an AssertionError; raise its last one at the end."""
    start = time.monotonic()
    while True:
        try:
            return await check()
        except AssertionError:
            if time.monotonic() - start > deadline_s:
                raise
        await asyncio.sleep(0.2)


def allocations(seen: Seen) -> str:
    """Check that the GPUs that are allocated are those that the claims' devices say by their names."""
    listed = {
        (slice_["spec"]["driver"], slice_["spec"]["pool"]["name"], device["name"])
        for slice_ in seen.objects.slices
        for device in slice_["spec"].get("devices") or []
    }
    by_pool: dict[tuple[str, str], set[str]] = {}
    for claim in seen.objects.claims:
        allocation = claim.get("status", {}).get("allocation") or {}
        for result in allocation.get("devices", {}).get("results", []):
            if result["driver"] in DRIVERS and not result.get("adminAccess"):
                driver, pool, device = result["driver"], result["pool"], result["device"]
                name = _GPU.match(device)
                # One that is in no slice any more is a GPU of its own.
                gpu = name[0] if name and (driver, pool, device) in listed else device
                by_pool.setdefault((driver, pool), set()).add(gpu)
    figures = seen.devices()
    counted = Counter(gpu[:2] for gpu, each in figures["gpus"].items() if each["state"] == "allocated")
    assert counted == {pool: len(gpus) for pool, gpus in by_pool.items()}
    assert figures["allocated_gpus"] == counted.total()
    return f"{counted.total()} GPUs of {len(list(seen.objects.claims))} claims"


async def metrics(seen: Seen, url: str) -> str:
    """Check the scheduler's `/metrics/resources`: what a claim serves of it, and what device plugins hold.

    The metrics repeat what claims hold for extended resources, and have the pods that aren't bound too.
    """
    samples = [
        each
        for each in await scheduler.resource_requests(url)
        if each.node and _RESOURCES.fullmatch(each.resource)
    ]
    pods = {(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in seen.pods}
    claims = {
        (claim["metadata"]["namespace"], claim["metadata"]["name"]): claim for claim in seen.objects.claims
    }
    by_plugin: Counter[tuple[str, str]] = Counter()
    by_claim = 0
    for sample in samples:
        pod = pods.get((sample.namespace, sample.pod))
        assert pod is not None, sample
        status = pod["status"].get("extendedResourceClaimStatus") or {}
        requests = {
            mapping["requestName"]
            for mapping in status.get("requestMappings", [])
            if mapping["resourceName"] == sample.resource
        }
        if not requests:
            by_plugin[sample.node, sample.resource] += int(sample.amount)
            continue
        claim = claims.get((sample.namespace, status["resourceClaimName"]))
        assert claim is not None, sample
        results = claim.get("status", {}).get("allocation", {}).get("devices", {}).get("results", [])
        served = sum(result["request"] in requests for result in results)
        assert served == sample.amount, sample
        by_claim += served
    held = {
        (node, resource): cell["allocated"]
        for node, row in recount(seen.pods, seen.nodes)["nodes"].items()
        for resource, cell in row["resources"].items()
        if cell["allocated"]
    }
    assert by_plugin == held
    return f"{by_plugin.total()} units by device plugins, {by_claim} devices by claims"


async def pools(api: Api) -> str:
    """Check the apiserver's own figures of every pool (ResourcePoolStatusRequest)."""
    figures = (await Seen.now(api, everything=False)).devices()["pools"]
    whole = {pool: own for pool, own in figures.items() if own["error"] != "incomplete"}
    answers = await pool_statuses(api, whole)
    for pool, own in whole.items():
        answer = answers[pool]
        assert (own["generation"], own["slices"]) == (answer["generation"], answer["resourceSliceCount"])
        if own["error"] == "invalid":
            continue  # it counts a device twice that is there twice, where the scheduler takes none
        expected = tuple(own[name] for name in ("devices", "allocated", "tainted", "available"))
        assert expected == tuple(
            answer[f"{name}Devices"] for name in ("total", "allocated", "unavailable", "available")
        ), (pool, own, answer)
    return f"{len(whole)} of {len(figures)} pools"
