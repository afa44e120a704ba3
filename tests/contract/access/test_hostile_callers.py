"""What a caller sends takes no more of the memory than is set aside for it."""

import asyncio
import gc
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.contract.conftest import NOW, TOKEN, Api, Serve
from tests.contract.kubernetes import Cluster

STATUS = "/api/v1/realtime/status?cluster=prod-cluster"
MIB = 2**20


def resident() -> int:
    """Return the bytes of memory that this process has, the server's and the client's."""
    gc.collect()
    match = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) * 1024


async def send(api: Api, path: str, fields: str = "") -> int:
    """Return the status of one request, whose answer isn't looked at."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: lens\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n"
        writer.write(f"{head}{fields}\r\n".encode())
        status = int((await reader.readline()).split()[1])
        await reader.read()
        return status
    finally:
        writer.close()


@pytest.mark.parametrize("name", ["Accept", "Accept-Encoding"])
async def test_long_fields_are_not_kept(api: Api, name: str) -> None:
    """As long as a field may be: kept, they would take 16 MB."""
    before = resident()
    for number in range(1000):
        field = f"{name}: text/{number}-" + "x" * 16_000 + "\r\n"
        assert await send(api, f"{STATUS.replace('status', 'running-tasks')}", field) == 200
    assert resident() - before < 8 * MIB


async def test_an_element_that_is_cut_off_is_not_taken_for_another(api: Api) -> None:
    padding = "text/" + "x" * 2033
    answer = await api.tasks(Accept=f"{padding}, text/csv;q=0.5, application/json;q=0.1")
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"


@pytest.mark.parametrize(
    "query",
    [f"&event_object={'x' * 1025}", f"&event_object={quote('🌋' * 600)}{'x' * 425}"],
    ids=["plain", "encoded"],
)
async def test_the_name_of_an_object_has_a_length(api: Api, query: str) -> None:
    answer = await api.status(query)
    assert answer.error[:2] == (400, 4000)
    assert "event_object" in answer.error[2]


async def test_a_place_in_a_list_has_a_length(api: Api) -> None:
    assert (await api.tasks(f"&limit=1&continue={'A' * 4097}")).error[:2] == (400, 4000)


async def test_kept_answers_take_what_is_counted_whatever_the_questions_are(
    serve: Serve, cluster: Cluster
) -> None:
    cluster.publish(NOW)
    api = await serve(requests_burst=1_000_000)
    for _ in range(20):
        await send(api, STATUS)
    before = resident()
    for number in range(400):
        assert await send(api, f"{STATUS}&include=events&event_object={number}-{quote('🌋' * 600)}") == 200
    grown = resident() - before
    (counted,) = re.findall(rb'lens_cache_bytes\{cache="own"\} (\S+)', (await api.ask("/metrics")).body)
    assert float(counted) < 48 * MIB
    assert grown < float(counted) + 4 * MIB
