"""A page that was opened long ago learns that there is another, and how old the figures are."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lens import __version__
from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, node, pod
from tests.contract.listening import PATH, listen
from tests.contract.peering import lens, peer


@pytest.fixture
async def hub(tmp_path: Path, clock: Clock, api: Api) -> AsyncIterator[Api]:
    own = Cluster()
    own.publish(NOW)
    west = peer("prod-cluster", api.server.url, token="right-token")
    async with lens("hub", tmp_path, own, clock, peers=[west]) as asked:
        yield asked


async def digest(api: Api) -> str:
    document = (await api.ask("/", token=None)).body.decode()
    return document.split("assets/")[1].split("/")[0]


async def test_a_stream_tells_the_version_and_the_digest_of_the_page(api: Api) -> None:
    async with listen(api) as stream:
        assert stream.response.headers["Lens-Page"] == await digest(api)
        assert (await stream.next()).data["version"] == __version__


async def test_of_a_peers_stream_the_page_is_that_of_the_lens_that_answers(hub: Api) -> None:
    async with listen(hub, path=PATH) as stream:
        assert stream.response.headers.getall("Lens-Page") == [await digest(hub)]
        assert (await stream.next()).data["cluster"] == "prod-cluster"


async def test_a_snapshot_tells_up_to_which_utilization_gpus_are_idle(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    async with listen(await serve(alert_idle_percent=12.5)) as stream:
        assert (await stream.next()).data["idle_percent"] == 12.5


async def test_each_event_tells_how_old_the_figures_are(serve: Serve, cluster: Cluster, clock: Clock) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    clock.now = NOW + 7
    api = await serve(ready_max_age_seconds=42)
    async with listen(api) as stream:
        first = (await stream.next()).data
        assert (first["age_seconds"], first["stale_after_seconds"]) == (7, 42)
        cluster.add(pod("a", "n1"))
        cluster.publish(NOW + 3)
        assert (await stream.next()).data["age_seconds"] == 4
