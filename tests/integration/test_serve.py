"""`lens serve` from start to SIGTERM, in a process of its own, against the simulated apiserver."""

import asyncio
import hashlib
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from lens.sim.apiserver import SimApiServer
from lens.sim.fleet import Fleet
from lens.sim.store import Store
from tests.integration.operator import Command, environment, get, wait_for

TOKEN = "token-of-a-test"


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the kubeconfig of a simulated cluster that stands still."""
    store = Store(1)
    Fleet(store, datetime.now(UTC), nodes=4, seed=1)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = SimApiServer(store, TOKEN)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    path = tmp_path_factory.mktemp("serve") / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "sim", "cluster": {"server": server.url}}],
                "users": [{"name": "lens", "user": {"token": TOKEN}}],
                "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "lens"}}],
                "current-context": "sim",
            }
        )
    )
    yield path
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def url(lens: Command) -> str:
    """Return where it listens, once it does."""
    match = re.search(r'"address": "([^"]+)"', lens.wait_for_text('"listening"'))
    assert match
    return f"http://{match[1]}"


def test_it_counts_from_the_start_and_ends_on_sigterm(kubeconfig: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"mine").hexdigest()
    tokens.write_text(f"tokens: [{{name: me, sha256: {digest}}}]")
    env = environment(
        cluster="sim", listen="127.0.0.1:0", tokens_file=str(tokens), kubeconfig=str(kubeconfig)
    )
    with Command(["serve"], tmp_path / "log", env) as lens:
        base = url(lens)
        assert get(f"{base}/healthz")[0] == 200
        wait_for(lambda: get(f"{base}/readyz")[0] == 200, "readiness")
        asked = f"{base}/api/v1/realtime/status?cluster=sim"
        assert get(asked)[0] == 401
        status, answer = get(asked, "mine")
        assert (status, answer["data"]["current_gpu_usage"]["total_gpus"]) == (200, 32)
        assert lens.end() == 0
        assert "mine" not in lens.text
        assert TOKEN not in lens.text


def test_a_flag_goes_before_the_environment(kubeconfig: Path, tmp_path: Path) -> None:
    env = environment(cluster="other", listen="127.0.0.1:0", auth="none")
    args = ["serve", "--cluster", "sim", "--kubeconfig", str(kubeconfig)]
    with Command(args, tmp_path / "log", env) as lens:
        base = url(lens)
        wait_for(lambda: get(f"{base}/readyz")[0] == 200, "readiness")
        assert get(f"{base}/api/v1/realtime/status?cluster=sim")[0] == 200
        assert get(f"{base}/api/v1/realtime/status?cluster=other")[0] == 404


@pytest.mark.parametrize(
    ("args", "settings", "says"),
    [
        ([], {}, "LENS_CLUSTER: is required"),
        ([], {"cluster": "x", "auth": "none", "nonsense": "1"}, "LENS_NONSENSE: unknown setting"),
        (["--cache-seconds", "soon"], {"cluster": "x", "auth": "none"}, "LENS_CACHE_SECONDS: "),
        (
            ["--auth", "none", "--listen", "0.0.0.0:1"],
            {"cluster": "x"},
            "LENS_AUTH: none is for loopback only",
        ),
        (["--tokens-file", "/nowhere"], {"cluster": "x"}, "LENS_TOKENS_FILE: /nowhere: No such file"),
        (
            ["--kubeconfig", "/nowhere"],
            {"cluster": "x", "auth": "none", "listen": "127.0.0.1:0", "log_level": "error"},
            "/nowhere: Invalid kube-config file",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line_that_names_it(
    args: list[str], settings: dict[str, str], says: str, tmp_path: Path
) -> None:
    with Command(["serve", *args], tmp_path / "log", environment(**settings)) as lens:
        assert lens.process.wait(timeout=30) == 2
        (line,) = lens.text.splitlines()
        assert line.startswith(f"lens: {says}")


def test_a_new_tokens_entry_lets_its_bearer_in(kubeconfig: Path, tmp_path: Path) -> None:
    with Command(["token", "grafana"], tmp_path / "token", environment()) as command:
        assert command.process.wait(timeout=30) == 0
        first, _, entry = command.text.partition("\n\n")
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(entry)
    env = environment(
        cluster="sim", listen="127.0.0.1:0", tokens_file=str(tokens), kubeconfig=str(kubeconfig)
    )
    with Command(["serve"], tmp_path / "log", env) as lens:
        assert get(f"{url(lens)}/api/v1/clusters", first.removeprefix("token: "))[0] == 200
