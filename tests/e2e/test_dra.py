"""Dynamic resource allocation by the real scheduler: claims, metrics, pools and Lens say the same."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.e2e.agreement import agree
from tests.e2e.cluster import scheduler
from tests.e2e.cluster.api import Api
from tests.e2e.cluster.given import Cluster
from tests.e2e.dra import checks, shapes
from tests.e2e.dra.scenario import ORPHAN, Scenario
from tests.e2e.dra.seen import Seen
from tests.e2e.lens import Lens
from tests.recount_dra import DRIVERS

ROUNDS = 6  # the deeds of the scenario come again after four

V1_OFF = "resource.k8s.io/v1=false,resource.k8s.io/v1alpha3=false"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenario(cluster: Cluster) -> AsyncIterator[Scenario]:
    """Return the scenario, set up, and take it down at the end."""
    async with Api.from_kubeconfig(cluster.kubeconfig) as api:
        made = Scenario(api)
        await made.set_up()
        yield made
        await made.tear_down()


async def test_all_figures_agree_after_every_round(cluster: Cluster, scenario: Scenario, lens: Lens) -> None:
    api = scenario.api
    url = cluster.control_plane.scheduler_resources_url if cluster.control_plane else ""

    async def counted() -> str:
        seen = await Seen.now(api)
        said = f"claims: {checks.allocations(seen)}"
        return f"{said}; scheduler: {await checks.metrics(seen, url)}" if url else said

    async def pools() -> str:
        return f"apiserver: {await checks.pools(api)}"

    for number in range(1, ROUNDS + 1):
        done = await scenario.play()
        seconds = await scheduler.wait_until_quiet(api)
        print(f"\n  round {number}: {done}; quiet after {seconds:.0f} s", end="")
        await agree(api, lens, f"round {number}")
        print(f"\n    {await checks.eventually(counted)}", end="")
        if url:  # of a given cluster neither the scheduler's metrics nor an alpha API can be had
            print(f"; {await checks.eventually(pools)}", end="")


async def test_kubectl_and_lens_show_the_same_claims_in_use(
    cluster: Cluster, scenario: Scenario, lens: Lens
) -> None:
    assert scenario.rounds

    async def compare() -> str:
        table = await _kubectl(cluster, "get", "resourceclaims", "--no-headers")
        states = {name: state for name, state, *_ in map(str.split, table.splitlines())}
        claims = json.loads(await _kubectl(cluster, "get", "resourceclaims", "-o", "json"))["items"]
        pods = json.loads(await _kubectl(cluster, "get", "pods", "-o", "json"))["items"]
        running = {pod["metadata"]["uid"] for pod in pods if pod["status"]["phase"] == "Running"}
        users: dict[str, set[str]] = {}
        for claim in claims:
            name, status = claim["metadata"]["name"], claim.get("status", {})
            reserved_for = status.get("reservedFor", [])
            assert ("allocated" in states[name]) == ("allocation" in status)
            assert ("reserved" in states[name]) == bool(reserved_for)
            results = status.get("allocation", {}).get("devices", {}).get("results", [])
            if any(result["driver"] in DRIVERS for result in results):
                users[name] = {user["name"] for user in reserved_for if user["uid"] in running}
        tasks = {task["pod_name"] for task in await lens.tasks() if task["namespace"] == shapes.NAMESPACE}
        by_plugin = {
            pod["metadata"]["name"]
            for pod in pods
            if pod["metadata"]["uid"] in running
            and "nvidia.com/gpu" in pod["spec"]["containers"][0]["resources"]["limits"]
            and not pod["status"].get("extendedResourceClaimStatus")
        }
        assert tasks == by_plugin.union(*users.values())
        assert states[ORPHAN] == "allocated"
        assert not users[ORPHAN]
        counts = Counter(states.values())
        return f"{dict(counts)}; {len(tasks)} tasks, {len(by_plugin)} of them by a device plugin"

    print(f"\n  kubectl: {await checks.eventually(compare)}", end="")


async def _kubectl(cluster: Cluster, *arguments: str) -> str:
    kubectl = cluster.control_plane.programs / "kubectl" if cluster.control_plane else "kubectl"
    process = await asyncio.create_subprocess_exec(
        kubectl,
        f"--kubeconfig={cluster.kubeconfig}",
        f"--namespace={shapes.NAMESPACE}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_a_pool_is_exact_at_every_step_of_its_publication(scenario: Scenario, lens: Lens) -> None:
    api = scenario.api
    for name, slices in (("dra-h100-0", 2), ("dra-mig-0", 3)):
        following = replace(scenario.pools[shapes.NVIDIA, name], slices=slices).next()
        steps = len(following.manifests())
        for written in range(1, steps):
            await scenario.publish(following, written=written)
            await agree(api, lens, f"slice {written} of {steps} of pool {name}")
        await scenario.publish(following)
        await agree(api, lens, f"the last slice of pool {name}")


async def test_the_api_may_go_come_back_in_another_version_and_be_itself_again(
    cluster: Cluster, scenario: Scenario, lens: Lens
) -> None:
    api, control_plane = scenario.api, cluster.control_plane
    if control_plane is None:
        pytest.skip("the apiserver of a given cluster can't be restarted")
    held = (await Seen.now(api)).devices()["allocated_gpus"]
    assert held
    for served in ("", "resource.k8s.io/v1beta1=true"):
        # Without v1 the Node authorizer, which reads slices, would never be ready.
        config = ",".join(filter(None, (V1_OFF, served)))
        flags = {"runtime-config": config, "authorization-mode": "RBAC"}
        await asyncio.to_thread(control_plane.restart, "kube-apiserver", flags)
        await agree(api, lens, f"the apiserver served {served or 'no DRA'}", deadline_s=120)
        allocated = (await Seen.now(api)).devices()["allocated_gpus"]
        assert allocated == (held if served else 0)
    await asyncio.to_thread(control_plane.restart, "kube-apiserver")
    await agree(api, lens, "the apiserver served v1 again", deadline_s=120)
    await scheduler.wait_until_quiet(api)
    await agree(api, lens, "the scheduler had caught up")
