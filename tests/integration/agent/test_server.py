"""Only who has the token is answered, and always the same for one sample."""

import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from lens_sim.node.nvml.scenario import Gpu
from tests.integration.agent.node import NODE_NAME, Agent, Node, elapsed, wait
from tests.required import program


def statuses(agent: Agent, *tokens: str | None) -> list[int]:
    return [agent.ask("/v1/devices", token).status for token in tokens]


def test_without_the_token_only_the_probe_is_answered(node: Node) -> None:
    token_file = node.folder / "token"
    token_file.write_text("right\n")
    node.play(Gpu())
    agent = node.run(token_file=token_file)
    assert statuses(agent, None, "", "wrong", "right ", "right") == [401, 401, 401, 200, 200]
    assert agent.ask("/metrics").status == 401
    assert agent.ask("/metrics", "right").status == 200
    assert agent.ask("/healthz").status == 200
    refused = agent.ask("/v1/devices", "wrong")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.body == b'{"error": "Unauthorized"}'
    assert NODE_NAME.encode() not in refused.body


def test_a_token_is_rotated_without_a_gap(node: Node) -> None:
    token_file = node.folder / "token"
    token_file.write_text("old")
    node.play(Gpu())
    agent = node.run(token_file=token_file)
    assert statuses(agent, "old", "new") == [200, 401]
    replace(token_file, "new\nold\n")
    wait(lambda: statuses(agent, "new", "old") == [200, 200])
    replace(token_file, "new\n")
    wait(lambda: statuses(agent, "new", "old") == [200, 401])
    replace(token_file, "\n")
    wait(lambda: "token file is broken" in agent.log.read_text() or statuses(agent, "new") != [200])
    assert statuses(agent, "new", "", "old") == [200, 401, 401]


def replace(path: Path, text: str) -> None:
    """Write a file as the kubelet updates a Secret's: a new one in its place."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.replace(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_agent_that_is_told_to_end_says_so_and_ends_well(node: Node, number: signal.Signals) -> None:
    node.play(Gpu())
    agent = node.run()
    agent.process.send_signal(number)
    assert agent.process.wait(timeout=15) == 0
    assert "stopping" in agent.log.read_text()


def test_what_is_asked_a_hundred_times_is_sampled_once(node: Node) -> None:
    node.play(Gpu())
    agent = node.run(interval_seconds=60)
    agent.until(lambda report: report.xids_since is not None and report.sampled_at is not None)
    assert len({agent.ask("/v1/devices").body for _ in range(100)}) == 1
    assert len({agent.ask("/metrics").body for _ in range(100)}) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/v1/devices", 200),
        ("POST", "/v1/devices", 405),
        ("DELETE", "/healthz", 405),
        ("GET", "/", 404),
        ("GET", "/v1/devices/../../etc/passwd", 404),
        ("GET", "/v1/devices?x=1", 200),
    ],
)
def test_there_is_nothing_else_to_ask_for(node: Node, method: str, path: str, status: int) -> None:
    node.play(Gpu())
    answer = node.run().ask(path, method=method)
    assert answer.status == status
    assert answer.headers["Cache-Control"] == "no-store"


def test_bytes_that_are_no_request_are_refused_and_neither_repeated_nor_logged(node: Node) -> None:
    node.play(Gpu())
    agent = node.run()
    with socket.create_connection(("127.0.0.1", agent.port), timeout=10) as raw:
        raw.sendall(b"GET /secret-bytes\x00 HTTP/9.9\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert b"secret-bytes" not in answer
    assert agent.ask("/healthz").status == 200
    assert "secret-bytes" not in agent.log.read_text()


@pytest.fixture
def certificates(node: Node) -> tuple[Path, Path]:
    """Return a certificate for localhost and its key."""
    return certify(node.folder, "first")


def certify(folder: Path, name: str) -> tuple[Path, Path]:
    openssl = str(program("openssl"))
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [
            *command,
            *("-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_https_is_served_with_a_certificate_that_may_be_rotated(
    node: Node, certificates: tuple[Path, Path]
) -> None:
    cert, key = certificates
    node.play(Gpu())
    agent = node.run(tls=ssl.create_default_context(cafile=str(cert)), tls_cert_file=cert, tls_key_file=key)
    assert agent.report().node == NODE_NAME
    other_cert, other_key = certify(node.folder, "second")
    fresh = ssl.create_default_context(cafile=str(other_cert))
    other_key.replace(key)
    other_cert.replace(cert)
    agent.tls = fresh

    def rotated() -> bool:
        try:
            return agent.ask("/healthz").status == 200
        except ssl.SSLCertVerificationError:
            return False

    wait(rotated)


def test_a_start_that_can_not_work_ends_with_one_line_and_status_2(node: Node, tmp_path: Path) -> None:
    node.play(Gpu())
    missing, empty = tmp_path / "missing", tmp_path / "empty"
    empty.write_text(" \n")
    usual = {"node": "n", "listen": "127.0.0.1:0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for says, settings in (
            ("LENS_AGENT_TOKEN_FILE: " + str(missing), {"token_file": missing}),
            ("is empty", {"token_file": empty}),
            ("LENS_AGENT_LISTEN: can't listen on", {"listen": f"127.0.0.1:{port}"}),
            ("LENS_AGENT_TLS_CERT_FILE: ", {"tls_cert_file": empty, "tls_key_file": empty}),
            ("LENS_AGENT_NODE: ", {"node": "NOT A NODE"}),
            ("LENS_AGENT_TOKENFILE: unknown setting", {"tokenfile": "x"}),
        ):
            said = node.refused(**{**usual, **settings})
            assert says in said
            assert said.count("\n") == 1, said


def test_a_stop_is_prompt_and_clean(node: Node) -> None:
    node.play(Gpu())
    agent = node.run(fresh=True, interval_seconds=60)
    agent.until(lambda report: report.sampled_at is not None)
    with elapsed(10):
        assert agent.stop() == 0
    assert "Traceback" not in agent.log.read_text()
