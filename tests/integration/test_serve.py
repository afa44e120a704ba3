"""`lens serve` from start to SIGTERM, in a process of its own, against the simulated apiserver."""

import hashlib
import json
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.apiserver.reviews import Account, Accounts, Right
from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.store import Store
from tests.integration.operator import LISTENING, Command, environment, get, wait_for
from tests.integration.served import served

TOKEN = "token-of-a-test"


@pytest.fixture(scope="module")
def accounts() -> Accounts:
    """Return whom the simulated apiserver knows."""
    return Accounts()


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory, accounts: Accounts) -> Iterator[Path]:
    """Return the kubeconfig of a simulated cluster that stands still."""
    store = Store(1)
    Fleet(store, datetime.now(UTC), nodes=4, seed=1)
    server = SimApiServer(store, TOKEN)
    server.accounts = accounts
    with served(server, TOKEN, tmp_path_factory.mktemp("serve") / "kubeconfig") as path:
        yield path


def url(lens: Command) -> str:
    """Return where it listens, once it does."""
    return f"http://{lens.wait_for_match(LISTENING)[1]}"


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
        lens.wait_for_match(r'"ready: 4 nodes, 32 GPUs, \d+ pods listed in \d+\.\d s"')
        assert lens.end() == 0
        assert "mine" not in lens.text
        assert TOKEN not in lens.text


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ({"auth-provider": {"name": "oidc", "config": {"client-secret": "hidden"}}}, "Expected key id-token"),
        (
            {
                "password": "hidden",
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": "echo",
                    "env": [{"value": "hidden"}],
                },
            },
            "Expected key name",
        ),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_told_without_its_secrets(
    tmp_path: Path, user: object, told: str
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    env = environment(
        cluster="sim", listen="127.0.0.1:0", auth="none", kubeconfig=str(kubeconfig), log_level="debug"
    )
    with Command(["serve"], tmp_path / "log", env, forked=True) as lens:
        lens.wait_for_text(told)
        assert "hidden" not in lens.text


def test_it_takes_as_many_connections_as_the_system_lets_it(kubeconfig: Path, tmp_path: Path) -> None:
    env = environment(cluster="sim", listen="127.0.0.1:0", auth="none", kubeconfig=str(kubeconfig))
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(usual, 1024), most))
    try:
        started = Command(["serve"], tmp_path / "log", env)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
    with started as lens:
        url(lens)
        assert resource.prlimit(lens.process.pid, resource.RLIMIT_NOFILE) == (most, most)


def test_in_a_cluster_callers_are_those_whom_its_apiserver_knows(
    kubeconfig: Path, accounts: Accounts, tmp_path: Path
) -> None:
    accounts.by_token["caller"] = Account("caller")
    accounts.rights["caller"] = {Right("get", "lens", "realtime")}
    env = environment(cluster="sim", listen="127.0.0.1:0", kubeconfig=str(kubeconfig))
    with Command(
        ["serve"], tmp_path / "log", env | {"KUBERNETES_SERVICE_HOST": "192.0.2.1"}, forked=True
    ) as lens:
        base = url(lens)
        wait_for(lambda: get(f"{base}/readyz")[0] == 200, "readiness")
        asked = f"{base}/api/v1/realtime/status?cluster=sim"
        assert get(asked, "caller")[0] == 200
        assert get(asked, "stranger")[0] == 401
        assert lens.end() == 0


def test_a_flag_goes_before_the_environment(kubeconfig: Path, tmp_path: Path) -> None:
    env = environment(cluster="other", listen="127.0.0.1:0", auth="none")
    args = ["serve", "--cluster", "sim", "--kubeconfig", str(kubeconfig)]
    with Command(args, tmp_path / "log", env, forked=True) as lens:
        base = url(lens)
        wait_for(lambda: get(f"{base}/readyz")[0] == 200, "readiness")
        assert get(f"{base}/api/v1/realtime/status?cluster=sim")[0] == 200
        assert get(f"{base}/api/v1/realtime/status?cluster=other")[0] == 404


@pytest.mark.slow
def test_one_lens_answers_for_another_whose_token_may_change(kubeconfig: Path, tmp_path: Path) -> None:
    def write(who: str, token: str) -> str:
        path = tmp_path / f"{who}.yaml"
        path.write_text(f"tokens: [{{name: x, sha256: {hashlib.sha256(token.encode()).hexdigest()}}}]")
        return str(path)

    def env(cluster: str, token: str, **settings: str) -> dict[str, str]:
        tokens = write(cluster, token)
        return environment(
            cluster=cluster, listen="127.0.0.1:0", tokens_file=tokens, kubeconfig=str(kubeconfig), **settings
        )

    service, peers = tmp_path / "service.token", tmp_path / "peers.yaml"
    service.write_text("first-token")
    with Command(["serve"], tmp_path / "west.log", env("west", "first-token"), forked=True) as west:
        entry = {"name": "west", "url": url(west), "token_file": str(service)}
        peers.write_text(yaml.safe_dump({"peers": [entry]}))
        with Command(["serve"], tmp_path / "log", env("hub", "mine", peers=str(peers))) as hub:
            base = url(hub)
            asked = f"{base}/api/v1/realtime/status?cluster=west"
            wait_for(lambda: get(asked, "mine")[0] == 200, "the other cluster's figures")
            assert get(asked, "first-token")[0] == 401
            write("west", "next-token")
            wait_for(lambda: get(asked, "mine")[0] == 502, "the old token's end")
            service.write_text("next-token")
            wait_for(lambda: get(asked, "mine")[0] == 200, "the new token's beginning")
            wait_for(lambda: get(f"{base}/readyz")[0] == 200, "readiness")
            summary = get(f"{base}/api/v1/realtime/summary", "mine")[1]["data"]
            assert summary["current_gpu_usage"]["total_gpus"] == 64
            peers.write_text(yaml.safe_dump({"peers": [{**entry, "name": "east"}]}))
            wait_for(lambda: get(asked, "mine")[0] == 404, "the end of an entry")
            peers.write_text(yaml.safe_dump({"peers": [entry]}))
            wait_for(lambda: get(asked, "mine")[0] == 200, "a new entry's beginning")
            assert west.end() == 0
            wait_for(lambda: get(asked, "mine")[0] == 502, "the other cluster's end")
            assert hub.end() == 0
            assert "next-token" not in hub.text


@pytest.mark.parametrize(
    ("args", "settings", "says"),
    [
        ([], {}, "--cluster (LENS_CLUSTER) is required"),
        ([], {"cluster": "x", "events_kept": "1.5", "auth": "no"}, "LENS_AUTH: 'no' is not 'kubernetes'"),
        ([], {"cluster": "x", "auth": "none", "nonsense": "1"}, "LENS_NONSENSE: unknown setting"),
        (
            ["--cache-seconds", "soon"],
            {"cluster": "x", "auth": "none"},
            "--cache-seconds: 'soon' is no number",
        ),
        (
            ["--auth", "none", "--listen", "0.0.0.0:1"],
            {"cluster": "x"},
            "--auth: none is for loopback only, and --listen is 0.0.0.0:1",
        ),
        (["--peers", "/nowhere"], {"cluster": "x", "auth": "none"}, "--peers: /nowhere: No such file"),
        (["--tokens-file", "/nowhere"], {"cluster": "x"}, "--tokens-file: /nowhere: No such file"),
        (
            ["--kubeconfig", "/nowhere"],
            {"cluster": "x", "auth": "none", "listen": "127.0.0.1:0", "log_level": "error"},
            "--kubeconfig: /nowhere: Invalid kube-config file",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line_that_names_it(
    args: list[str], settings: dict[str, str], says: str, tmp_path: Path
) -> None:
    with Command(["serve", *args], tmp_path / "log", environment(**settings), forked=True) as lens:
        assert lens.process.wait(timeout=30) == 2
        (line,) = lens.text.splitlines()
        # Once the log is set up, the last word is a line of it.
        last = json.loads(line)["event"] if line.startswith("{") else line.removeprefix("lens: ")
        assert last.startswith(says)


def test_a_new_tokens_entry_lets_its_bearer_in(kubeconfig: Path, tmp_path: Path) -> None:
    with Command(["token", "grafana"], tmp_path / "token", environment(), forked=True) as command:
        assert command.process.wait(timeout=30) == 0
        entry, _, token = command.text.partition("token: ")
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(f"tokens:\n{entry}")
    env = environment(
        cluster="sim", listen="127.0.0.1:0", tokens_file=str(tokens), kubeconfig=str(kubeconfig)
    )
    with Command(["serve"], tmp_path / "log", env, forked=True) as lens:
        assert get(f"{url(lens)}/api/v1/clusters", token.strip())[0] == 200
