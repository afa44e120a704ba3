"""Certificates of peers."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.contract.peering import peer
from tests.integration.peers.peer_answers import CLIENT_TIMEOUT_S, STATUS, Hub, good
from tests.integration.telemetry.server import FakeServer, sends
from tests.integration.watch import tls


@pytest.fixture
async def ca(tmp_path: Path) -> tls.Pair:
    return await tls.authority(tmp_path, "ca")


def trusting(ca: tls.Pair) -> Callable[[], ssl.SSLContext]:
    context = ssl.create_default_context(cafile=ca.certificate)
    return lambda: context


Secure = Callable[[ssl.SSLContext], Awaitable[tuple[int, int, str]]]


@pytest.fixture
def status_over(hub_of: Hub, ca: tls.Pair) -> Secure:
    """Ask a peer with the given certificate, while ``ca`` is trusted."""

    async def ask(context: ssl.SSLContext) -> tuple[int, int, str]:
        async with FakeServer(sends(good()), tls=context) as west:
            async with hub_of(peer("west", west.url(""), trust=trusting(ca)), patience=30.0) as hub:
                answer = await hub.ask(STATUS)
            if answer.status != 200:
                assert not west.requests, "the token went to somebody unknown"
                return answer.error
            return 200, 2000, "OK"

    return ask


async def test_a_certificate_of_the_authority_given_is_good(
    status_over: Secure, ca: tls.Pair, tmp_path: Path
) -> None:
    assert (await status_over(await tls.server(tmp_path, "west", by=ca)))[0] == 200


async def test_a_certificate_of_another_authority_is_not(status_over: Secure, tmp_path: Path) -> None:
    other = await tls.authority(tmp_path, "other")
    error = await status_over(await tls.server(tmp_path, "west", by=other))
    assert error == (502, 5002, "Cluster west can't be asked")


async def test_a_certificate_that_has_run_out_is_not_good(
    status_over: Secure, ca: tls.Pair, tmp_path: Path
) -> None:
    assert (await status_over(await tls.expired(tmp_path, "west", by=ca)))[0] == 502


async def test_a_peer_that_speaks_no_tls_where_it_should_is_not_asked(
    hub_of: Hub, ca: tls.Pair, west: FakeServer
) -> None:
    url = west.url("").replace("http:", "https:")
    async with hub_of(peer("west", url, trust=trusting(ca)), patience=CLIENT_TIMEOUT_S) as hub:
        assert (await hub.ask(STATUS)).error[0] in (502, 504)
    assert not west.requests
