"""Dynamic resource allocation by the real scheduler: claims, metrics, pools and Lens say the same."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.agreement import agree
from tests.e2e.cluster import scheduler
from tests.e2e.cluster.api import Api
from tests.e2e.cluster.given import Cluster
from tests.e2e.dra import checks
from tests.e2e.dra.scenario import Scenario
from tests.e2e.dra.seen import Seen
from tests.e2e.lens import Lens

ROUNDS = 6

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
