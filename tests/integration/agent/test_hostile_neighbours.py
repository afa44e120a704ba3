"""Whoever reaches an agent can't stop it for the operator."""

import contextlib
import gzip
import http.client
import os
import socket
from pathlib import Path

import pytest

from lens_sim.node.nvml.scenario import Gpu
from tests.integration.agent.node import Agent, Node


@pytest.fixture
def agent(node: Node) -> Agent:
    node.play(Gpu())
    token_file = node.folder / "token"
    token_file.write_text("right\n")
    return node.run(token_file=token_file)


def rss(agent: Agent) -> int:
    """Return the resident memory in bytes."""
    pages = Path(f"/proc/{agent.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def refused(agent: Agent, reason: str) -> int:
    """Return how often something was refused, as /metrics says."""
    text = agent.ask("/metrics", "right").body.decode()
    sample = f'lens_http_refused_total{{reason="{reason}"}} '
    (line,) = (line for line in text.splitlines() if line.startswith(sample))
    return int(line.removeprefix(sample))


def test_no_clients_of_any_kind_hold_up_its_answers(agent: Agent) -> None:
    assert agent.ask("/v1/devices", "right").status == 200
    before = rss(agent)
    head = b"GET /v1/devices HTTP/1.1\r\nHost: x\r\n"
    field = b"X: " + "\U0001f600".encode() + b"x" * 16_000 + b"\r\n"
    with contextlib.ExitStack() as clients:
        for number in range(150):
            client = clients.enter_context(
                socket.create_connection(
                    ("127.0.0.1", agent.port), source_address=(f"127.0.5.{number % 3 + 1}", 0)
                )
            )
            with contextlib.suppress(OSError):
                # Some are silent, some send heads without end, some ask and take nothing.
                client.setblocking(False)
                client.send(
                    (b"", head + field * 98, (head + b"Authorization: Bearer right\r\n\r\n") * 400)[
                        number % 3
                    ]
                )
        for _ in range(5):
            assert agent.ask("/healthz").status == 200
            assert agent.ask("/v1/devices", "right").status == 200
        assert rss(agent) - before < 32 * 2**20
    assert refused(agent, "head") > 0


def test_connections_beyond_those_of_an_address_are_the_idle_ones(agent: Agent) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(300):
            clients.enter_context(
                socket.create_connection(("127.0.0.1", agent.port), source_address=("127.0.5.9", 0))
            )
        assert agent.ask("/healthz").status == 200
        assert refused(agent, "address") > 100


@pytest.mark.parametrize("path", ["/v1/devices", "/healthz"])
def test_a_small_body_that_unpacks_to_a_large_one_stays_packed(agent: Agent, path: str) -> None:
    packed = gzip.compress(bytes(2**25))
    assert agent.ask("/healthz").status == 200
    before = rss(agent)
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path, body=packed, headers={"Content-Encoding": "gzip"})
            assert connection.getresponse().status in {200, 401}
    assert rss(agent) - before < 8 * 2**20


def test_without_a_token_a_page_elsewhere_gets_nothing(node: Node) -> None:
    node.play(Gpu())
    agent = node.run()
    for headers, status in (
        ({}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/v1/devices", headers=headers)
            answer = connection.getresponse()
            assert answer.status == status
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_only_spaces_and_tabs_are_blanks_around_a_token(agent: Agent) -> None:
    answers = [agent.ask("/v1/devices", token).status for token in (" right\t", "\u00a0right", "right\u0085")]
    assert answers == [200, 401, 401]
