"""What is sent to whom: compressed or plain, by ``Accept-Encoding`` (RFC 9110, 12.5.3)."""

import asyncio
import gzip
import sys

import aiohttp
import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from tests.contract.conftest import NOW, TOKEN, Api
from tests.contract.kubernetes import Cluster, pod

TASKS = "/api/v1/realtime/running-tasks?cluster=prod-cluster"
CLUSTER_SIZE = 200


@pytest.fixture(autouse=True)
def _tasks(api: Api, cluster: Cluster) -> None:
    cluster.add(*(pod(f"task-{number:05}", f"n{number % 9}") for number in range(CLUSTER_SIZE)))
    cluster.publish(NOW)


class Sent:
    """An answer as it went over the wire."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = body
        self.coding = response.headers.get("Content-Encoding", "identity")

    @property
    def plain(self) -> bytes:
        assert self.headers["Content-Length"] == str(len(self.body))
        decompress = {"gzip": gzip.decompress, "zstd": zstd.decompress}.get(self.coding, bytes)
        return decompress(self.body)


async def get(api: Api, accepted: str | None, path: str = TASKS, **headers: str) -> Sent:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if accepted is not None:
        sent["Accept-Encoding"] = accepted
    sent["Authorization"] = f"Bearer {TOKEN}"
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as session,
        session.get(api.server.url + path, headers=sent) as response,
    ):
        return Sent(response, await response.read())


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd", "zstd"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("gzip;q=0.5, zstd;q=0.4", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("gzip; q=0.5 , identity;q=0.4", "gzip"),
        ("gzip;q=0.5, identity;q=0.6", "identity"),
        ("gzip;q=0.5, *", "zstd"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0, *", "zstd"),
        ("*", "zstd"),
        ("*, zstd;q=0", "gzip"),
        ("*;q=0", "identity"),
        ("identity;q=0", "identity"),
        ("identity;q=0, *", "zstd"),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("br", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=", "identity"),
        ("gzip;q=nan", "identity"),
        (",,;;q=1,gzip", "gzip"),
        ("a," * 3000, "identity"),
    ],
)
async def test_the_client_says_what_it_takes(api: Api, accepted: str | None, coding: str) -> None:
    plain = await get(api, None)
    sent = await get(api, accepted)
    assert (sent.status, sent.coding) == (200, coding)
    assert sent.plain == plain.body
    assert sent.headers["Vary"] == "Authorization, Lens-Authorization, Accept, Accept-Encoding"
    assert (sent.headers["ETag"] == plain.headers["ETag"]) == (coding == "identity")
    if coding != "identity":
        assert len(sent.body) < len(plain.body) / 4


async def test_small_answers_are_sent_as_they_are_unless_that_is_refused(api: Api) -> None:
    small = f"{TASKS}&limit=1"
    assert (await get(api, "gzip", small)).coding == "identity"
    assert (await get(api, "gzip, identity;q=0", small)).coding == "gzip"


async def test_a_tag_is_good_for_the_form_that_it_came_with(api: Api) -> None:
    plain, packed = (await get(api, None)).headers["ETag"], (await get(api, "gzip")).headers["ETag"]
    assert plain != packed
    for accepted, tag in ((None, plain), ("gzip", packed)):
        again = await get(api, accepted, If_None_Match=tag)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert "Content-Encoding" not in again.headers
    assert (await get(api, "gzip", If_None_Match=plain)).status == 200
    assert (await get(api, None, If_None_Match=packed)).status == 200


async def test_many_who_ask_at_once_get_the_same_bytes(api: Api) -> None:
    sent = await asyncio.gather(*(get(api, "gzip", Cache_Control="no-cache") for _ in range(20)))
    assert len({each.body for each in sent}) == 1
    assert len({each.headers["ETag"] for each in sent}) == 1


async def test_status_is_compressed_too(api: Api) -> None:
    sent = await get(api, "gzip", "/api/v1/realtime/status?cluster=prod-cluster&include=nodes")
    assert sent.coding == "gzip"
    assert b'"nodes":[' in sent.plain


@pytest.mark.parametrize(("accepted", "coding"), [(None, "identity"), ("gzip", "gzip"), ("zstd", "zstd")])
async def test_prometheus_gets_its_metrics_compressed(api: Api, accepted: str | None, coding: str) -> None:
    sent = await get(api, accepted, "/metrics")
    assert (sent.status, sent.coding) == (200, coding)
    assert sent.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"\nlens_synced 1.0\n" in sent.plain
    if coding != "identity":
        assert len(sent.body) < len(sent.plain) / 3
