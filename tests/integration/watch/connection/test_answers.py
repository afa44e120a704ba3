"""No error response makes kopf wait for hours, or end."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest

from lens.kube.client.kubeconfig import Connection
from lens.kube.client.restarts import Restarts
from lens.kube.watch.outage import Outage
from lens.kube.watch.transport import Transport
from tests.integration.watch import faults
from tests.integration.watch.scene import Scene


async def answer(scene: Scene) -> tuple[aiohttp.ClientResponse, object]:
    """Ask for the version as kopf would; return the response and its JSON."""
    connection = Connection(scene.kubeconfig())
    connection.load()
    async with (
        Transport(
            connection,
            {},
            scene.metrics,
            Restarts(),
            Outage(time.monotonic, lambda _: None),
            30.0,
            20.0,
            12.0,
        ).session() as session,
        session.get(f"{scene.front.url}/version") as response,
    ):
        return response, await response.json()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", range(7, 8)),
        ("0.5", range(1, 2)),
        ("-3", range(1, 2)),
        ("86400", range(30, 31)),
        ("1e999", range(1, 2)),
        ("nan", range(1, 2)),
        ("soon, 5", range(1, 2)),
        ("", range(1, 2)),
        ("Wed, 01 Jan 2020 00:00:00 GMT", range(1, 2)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", range(30, 31)),
        ("Fri, 31 Dec 99999 23:59:59 GMT", range(1, 2)),
        (f"Fri, 31 Dec {'9' * 20} 23:59:59 GMT", range(1, 2)),
        (f"Fri, 31 Dec 2030 23:59:59 +{'9' * 14}", range(1, 2)),
        ("Fri, 31 Dec 9999 23:59:59 -2359", range(30, 31)),
        ("Mon, 01 Jan 0001 00:00:00 +2359", range(1, 2)),
        ("9" * 5000, range(1, 2)),
        # A name of its own, since pytest-xdist's workers have to agree on the names.
        pytest.param(
            format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True), range(30, 31), id="tomorrow"
        ),
    ],
)
async def test_retry_after_is_a_bounded_number_of_seconds(scene: Scene, header: str, seconds: range) -> None:
    scene.front.script("/version", faults.status(429, Retry_After=header))
    response, _ = await answer(scene)
    assert int(float(response.headers["Retry-After"])) in seconds


@pytest.mark.parametrize(("asked", "told"), [(7, 7), (86400, 30), (-1, -1)])
async def test_retry_after_in_a_status_is_bounded_like_the_header(
    scene: Scene, asked: int, told: int
) -> None:
    scene.front.script("/version", faults.status(429, {"retryAfterSeconds": asked}))
    _, body = await answer(scene)
    assert isinstance(body, dict)
    assert body["kind"] == "Status"
    assert body["details"]["retryAfterSeconds"] == told


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"code":"x"}', b'{"details":[]}', b"\xff"]
)
async def test_an_error_with_an_invalid_status_has_no_status(scene: Scene, body: bytes) -> None:
    scene.front.script("/version", faults.answer(403, body))
    _, told = await answer(scene)
    assert told is None


async def test_other_responses_reach_kopf_unchanged(scene: Scene) -> None:
    _, body = await answer(scene)
    assert isinstance(body, dict)
    assert body["major"] == "1"
