"""Who is let in."""

import hashlib
import logging
from pathlib import Path

import pytest

from lens.api.server import Server
from lens.config.errors import SettingsError
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from tests.contract.conftest import TOKEN, Api, Clock, Serve, access_lines, write_tokens
from tests.contract.kubernetes import Cluster
from tests.contract.wire import exchange

STATUS = "/api/v1/realtime/status?cluster=prod-cluster"
GUARDED = [STATUS, "/api/v1/realtime/running-tasks?cluster=prod-cluster", "/api/v1/clusters", "/metrics"]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("token", [None, "wrong", "right-toke", "right-token-", "", "x" * 8000])
async def test_nobody_without_a_right_token_is_answered(api: Api, path: str, token: str | None) -> None:
    answer = await api.ask(path, token=token)
    assert answer.error == (401, 4001, "Unauthorized")
    lacks = token in (None, "")
    challenge = (
        "Bearer" if lacks else 'Bearer error="invalid_token", error_description="The token is unknown"'
    )
    assert answer.headers["WWW-Authenticate"] == challenge


@pytest.mark.parametrize("path", GUARDED)
async def test_a_right_token_is_let_in(api: Api, path: str) -> None:
    assert (await api.ask(path)).status == 200


@pytest.mark.parametrize("value", [f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer   {TOKEN} "])
async def test_the_scheme_may_be_written_as_http_allows(api: Api, value: str) -> None:
    assert (await api.ask(STATUS, token=None, Authorization=value)).status == 200


@pytest.mark.parametrize("value", [TOKEN, f"Basic {TOKEN}", f"Bearer{TOKEN}", "Bearer", f"Token {TOKEN}"])
async def test_another_scheme_is_not_taken_for_a_bearer_token(api: Api, value: str) -> None:
    assert (await api.ask(STATUS, token=None, Authorization=value)).status == 401


@pytest.mark.parametrize(
    "lines",
    [
        b"Authorization: Bearer right-token\r\nAuthorization: Bearer right-token\r\n",
        b"Authorization: Bearer wrong\r\nAuthorization: Bearer right-token\r\n",
        b"Authorization: Bearer \xff\xfe\xc3\x28\r\n",
        "Authorization: Bearer right-tökén\r\n".encode(),
        "Authorization: Bearer \N{IDEOGRAPHIC SPACE}right-token\N{NO-BREAK SPACE}\r\n".encode(),
    ],
)
async def test_odd_credentials_are_refused_and_not_an_error(api: Api, lines: bytes) -> None:
    request = f"GET {STATUS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
    (answer,) = await exchange(api.server, request + lines + b"\r\n")
    assert (answer.status, answer.meta) == (401, {"code": 4001, "message": "Unauthorized"})


async def test_tokens_are_in_no_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await api.ask(STATUS)
        await api.ask(STATUS, token="secret-but-wrong")
        await api.ask(f"{STATUS}&token=secret-in-query")
        await access_lines(caplog, 3)
    logged = "".join(f"{vars(record)}" for record in caplog.records if record.name.startswith("lens"))
    assert TOKEN not in logged
    assert "secret" not in logged


async def test_without_authentication_everybody_on_this_machine_may_ask(
    serve: Serve, cluster: Cluster
) -> None:
    cluster.publish(0)
    api = await serve(auth="none", tokens_file=None)
    for path in GUARDED:
        assert (await api.ask(path, token=None)).status == 200


async def test_metrics_can_be_opened_to_scrapers_without_tokens(serve: Serve) -> None:
    api = await serve(metrics_open=True)
    assert (await api.ask("/metrics", token=None)).status == 200
    assert (await api.ask("/api/v1/clusters", token=None)).status == 401


async def test_a_new_token_works_a_second_after_it_was_written(
    api: Api, tokens_file: Path, clock: Clock
) -> None:
    assert (await api.ask(STATUS)).status == 200
    write_tokens(tokens_file, grafana="new-token", other="other-token")
    clock.now += 1
    assert (await api.ask(STATUS, token=TOKEN)).status == 401
    assert (await api.ask(STATUS, token="new-token")).status == 200
    assert (await api.ask(STATUS, token="other-token")).status == 200


async def test_a_secret_that_is_swapped_as_kubernetes_does_it_is_read_again(
    serve: Serve, tmp_path: Path, cluster: Cluster, clock: Clock
) -> None:
    cluster.publish(0)
    for generation, token in (("..1", "first-token"), ("..2", "other-token")):
        (tmp_path / generation).mkdir()
        write_tokens(tmp_path / generation / "tokens.yaml", grafana=token)
    link, mounted = tmp_path / "..data", tmp_path / "mounted.yaml"
    link.symlink_to("..1")
    mounted.symlink_to("..data/tokens.yaml")
    api = await serve(tokens_file=mounted)
    assert (await api.ask(STATUS, token="first-token")).status == 200
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(link)
    clock.now += 1
    assert (await api.ask(STATUS, token="first-token")).status == 401
    assert (await api.ask(STATUS, token="other-token")).status == 200


@pytest.mark.parametrize("broken", ["tokens: [", "", "tokens: []", None])
async def test_a_broken_tokens_file_locks_nobody_out(
    api: Api, tokens_file: Path, clock: Clock, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    replace_text(tokens_file, broken)
    for _ in range(3):
        clock.now += 1
        assert (await api.ask(STATUS)).status == 200
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "LENS_TOKENS_FILE" in errors[0]
    write_tokens(tokens_file, grafana="mended-token")
    clock.now += 1
    assert (await api.ask(STATUS, token="mended-token")).status == 200


def replace_text(path: Path, text: str | None) -> None:
    path.unlink()
    if text is not None:
        path.write_text(text)


HEX = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, "No such file or directory"),
        ("", "the file: "),
        ("tokens: [", "is not YAML: line 1"),
        ("\x00", "is not YAML"),
        ("tokens: 2001-99-99", "is not YAML"),
        ("[" * 1100, "is not YAML"),
        ("{}", "tokens: Field required"),
        ("tokens: []", "tokens: has no entries; `lens token NAME >> FILE` adds one"),
        ("tokens:", "tokens: has no entries; `lens token NAME >> FILE` adds one"),
        (f"tokens: [{{sha256: {HEX}}}]", "tokens.0.name: Field required"),
        (f"tokens: [{{name: a, sha256: {HEX}}}, {{name: b}}]", "tokens.1.sha256: Field required"),
        ("tokens: [{name: a, sha256: s3cret}]", "tokens.0.sha256: "),
        (f"tokens: [{{name: a, sha256: {HEX}, token: s3cret}}]", "tokens.0.token: Extra inputs"),
        (f"tokens: [{{name: 'a b', sha256: {HEX}}}]", "tokens.0.name: "),
        ("s3cret", "the file: "),
    ],
)
async def test_an_unusable_tokens_file_is_one_line_at_start(
    tmp_path: Path, text: str | None, named: str
) -> None:
    path = tmp_path / "tokens.yaml"
    if text is not None:
        path.write_text(text)
    settings = ServeSettings(cluster="c", listen="127.0.0.1:0", tokens_file=path)  # type: ignore[arg-type]
    with pytest.raises(SettingsError) as raised:
        Server(settings, ClusterState(), Metrics())
    message = str(raised.value)
    assert message.startswith(f"LENS_TOKENS_FILE: {path}: ")
    assert named in message
    assert "\n" not in message
    assert "s3cret" not in message


async def test_a_tokens_file_may_be_json(serve: Serve, tmp_path: Path, cluster: Cluster) -> None:
    cluster.publish(0)
    path = tmp_path / "tokens.json"
    path.write_text(f'{{"tokens": [{{"name": "a", "sha256": "{HEX.upper()}"}}]}}')
    api = await serve(tokens_file=path)
    assert (await api.ask(STATUS, token="x")).status == 200
