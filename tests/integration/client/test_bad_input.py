"""Whatever is wrong, `kubectl lens` says it in one line, with the way out, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lens_sim.apiserver.port_forwards import PORT_FORWARDS
from lens_sim.apiserver.reviews import ACCESS_REVIEWS
from lens_sim.apiserver.service_accounts import TOKENS
from lens_sim.objects.resources import PODS, Resource
from tests.integration.client.conftest import Operator
from tests.integration.client.proxies import HttpProxy, Socks5Proxy
from tests.integration.client.scene import DEADLINE_S, Loop, Scene, command, environment, fails, run

WAY_OUT = "name Lens' namespace with --lens-namespace, or its address with --server"


def ask(kubeconfig: Path, *arguments: object, status: int = 1, **variables: str) -> str:
    """Return what a command that needs Lens says when it fails."""
    return fails("version", "--kubeconfig", kubeconfig, *arguments, status=status, **variables)


def test_no_kubeconfig(tmp_path: Path) -> None:
    way_out = "name one with --kubeconfig, or Lens' address with --server"
    assert fails("version", HOME=str(tmp_path)) == f"there is no kubeconfig (~/.kube/config): {way_out}"
    missing = tmp_path / "missing"
    assert fails("version", KUBECONFIG=str(missing)) == f"there is no kubeconfig ({missing}): {way_out}"
    assert ask(missing, status=2) == f"--kubeconfig: there is no file {missing}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[1, 2]", "is no kubeconfig: it isn't YAML with fields"),
        ("a: b: c", "is no kubeconfig: it isn't YAML with fields"),
        ("\x00\xff", "is no kubeconfig: it isn't YAML with fields"),
        ("{" * 100_000, "is no kubeconfig: it isn't YAML with fields"),
        ("", "has no current-context: name one with --context"),
        ("users: [{user: {}}]", "users[0] has no name"),
        ("clusters: [{name: a, cluster: 1}]", "clusters[0].cluster has no fields"),
        ("users: 5", "users is no list"),
        ("contexts: {a: {cluster: b}}", "contexts is no list"),
    ],
)
def test_a_broken_kubeconfig(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content, encoding="latin-1")
    assert ask(path) == f"{path}: {problem}"


def test_a_context_that_is_not_there_or_leads_nowhere(scene: Scene) -> None:
    path = scene.kubeconfig()
    assert ask(path, "--context", "x") == "--context: the kubeconfig has no context 'x' (contexts: sim)"
    whole = json.loads(path.read_text())
    for part, problem in (
        ({"contexts": []}, "current-context: the kubeconfig has no context 'sim' (contexts: none)"),
        ({"clusters": []}, "context 'sim': the kubeconfig has no cluster 'sim' (clusters: none)"),
        ({"users": []}, "context 'sim': the kubeconfig has no user 'jane' (users: none)"),
        ({"clusters": [{"name": "sim"}]}, "the kubeconfig's cluster 'sim' has no server"),
        (
            {"clusters": [{"name": "sim", "cluster": {"server": "ftp://u:p@a"}}]},
            "the kubeconfig's cluster 'sim': server: 'ftp://a' is no http:// or https:// address",
        ),
        (
            {"users": [{"name": "jane", "user": {"auth-provider": {"name": "gcp"}}}]},
            "the kubeconfig's user 'jane': auth-provider 'gcp' has no id-token: log in with an exec plugin",
        ),
        (
            {"users": [{"name": "jane", "user": {"as": "a", "as-user-extra": {"reason": 5}}}]},
            "the kubeconfig's 'jane': reason is no list",
        ),
        (
            {"clusters": [{"name": "sim", "cluster": {"server": "https://a", "extensions": 5}}]},
            "the kubeconfig's 'sim': extensions is no list",
        ),
    ):
        path.write_text(json.dumps({**whole, **part}))
        assert ask(path) == problem


def test_no_lens_in_the_cluster(scene: Scene) -> None:
    labels = "app.kubernetes.io/part-of=lens,app.kubernetes.io/component=operator"
    way_out = "install it, or name its address with --server"
    assert ask(scene.kubeconfig()) == f"there is no Lens in this cluster ({labels}): {way_out}"
    assert ask(scene.kubeconfig(), "--lens-namespace", "x/../y") == (
        f"there is no Lens in namespace x ({labels}): {way_out}"
    )


def test_a_lens_that_is_not_ready(scene: Scene, lens: Operator) -> None:
    scene.add_pod("lens/lens-0", lens.address, ready=False)
    refused = ask(scene.kubeconfig())
    assert refused.startswith("Lens in namespace lens isn't ready: see kubectl -n lens get pods -l ")


@pytest.mark.parametrize(
    ("resource", "verb", "problem"),
    [
        (PODS, "list", f"jane may not list pods in all namespaces: {WAY_OUT}"),
        (PORT_FORWARDS, "get", "jane may not get pods/portforward in namespace lens"),
        (
            PORT_FORWARDS,
            "create",
            "the kubeconfig's user 'jane' may not create pods/portforward in namespace lens",
        ),
    ],
)
def test_a_right_that_is_missing_is_named(
    scene: Scene, kubeconfig: Path, resource: Resource, verb: str, problem: str
) -> None:
    scene.https.forbid(resource, [verb])
    assert ask(scene.kubeconfig(tls=True)) == problem


def test_a_token_can_not_be_requested(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    files = {"client-certificate": str(scene.client.certificate), "client-key": str(scene.client.key)}
    path = scene.kubeconfig(files, tls=True)
    why = "Lens wants a token, the kubeconfig's user 'jane' has none"
    scene.https.forbid(TOKENS, ["create"])
    assert ask(path) == (
        f"{why}, and jane may not create serviceaccounts/token in namespace lens: "
        "give a token with --token, or LENS_TOKEN"
    )
    scene.https.permit_all()
    scene.https.service_accounts.names.clear()
    assert ask(path) == (
        f"{why}, and there is no ServiceAccount lens/lens-reader: create it with the ClusterRole lens-viewer "
        "(README), or name another with --service-account"
    )
    assert ask(path, "--as", "jane", status=2) == (
        "--as: 'jane' is no system:serviceaccount:NAMESPACE:NAME: Lens checks tokens, and only a "
        "ServiceAccount's can be requested for somebody else"
    )
    for name in ("a/b/c", "/", "", "team/"):
        assert ask(path, "--service-account", name, status=2) == (
            f"--service-account: {name!r} is no ServiceAccount, NAME or NAMESPACE/NAME"
        )


def test_a_pod_that_only_looks_like_a_lens_gets_no_token(
    scene: Scene, lens: Operator, kubeconfig: Path, loop: Loop
) -> None:
    scene.start_over()
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(listen, "127.0.0.1", 0)

    server = loop.run(start())
    scene.add_pod("team/lens-2", server.sockets[0].getsockname()[:2], account="default")
    path = scene.kubeconfig()
    why = "(its ServiceAccount default may not review tokens)"
    way_out = "if you trust it with your token, say --lens-namespace team"
    assert (
        ask(path) == f"pod team/lens-2 has the labels of a Lens, but may be somebody else's {why}: {way_out}"
    )
    assert heard == []
    # Who says so trusts it.
    assert ask(path, "--lens-namespace", "team").startswith("Lens in namespace team can't be reached: ")
    assert len(heard) == 1
    loop.run(_closed(server))


async def _closed(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()


def test_who_may_not_ask_whether_a_pod_is_a_lens_has_to_name_its_namespace(
    scene: Scene, lens: Operator
) -> None:
    scene.add_pod("team/lens-2", lens.address)
    scene.https.forbid(ACCESS_REVIEWS, ["create"])
    path = scene.kubeconfig(tls=True)
    assert "say --lens-namespace team" in ask(path)
    assert run("version", "--kubeconfig", path, "--lens-namespace", "team").returncode == 0
    scene.start_over()
    scene.add_pod("lens/lens-0", lens.address)
    scene.https.forbid(ACCESS_REVIEWS, ["create"])
    assert run("version", "--kubeconfig", path).returncode == 0


def test_an_expired_token(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    expired = "the token of the kubeconfig's user 'jane': it has expired, or isn't valid"
    path = scene.kubeconfig({"token": "expired"})
    assert ask(path) == f"the apiserver doesn't accept {expired}"


def test_an_apiserver_that_is_gone(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = scene.kubeconfig(cluster={"server": f"https://127.0.0.1:{port}"})
    assert ask(gone) == f"the apiserver https://127.0.0.1:{port} can't be reached: connection refused"
    nowhere = scene.kubeconfig(cluster={"server": "https://nowhere.invalid"})
    assert (
        ask(nowhere) == "the apiserver https://nowhere.invalid can't be reached: its name can't be resolved"
    )


@pytest.fixture
def silent(loop: Loop) -> Iterator[int]:
    """Give the port of a server that says a byte now and then, and never all."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for character in "HTTP/1.1 200 OK\r\n" + "X-Slow: 1\r\n" * 1000:
            writer.write(character.encode())
            try:
                await writer.drain()
                await asyncio.sleep(0.05)
            except ConnectionError:
                break
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(drip, "127.0.0.1", 0)

    server = loop.run(start())
    yield server.sockets[0].getsockname()[1]
    loop.run(_closed(server))


def test_an_apiserver_that_is_slow_is_waited_for_as_long_as_is_said(scene: Scene, silent: int) -> None:
    slow = scene.kubeconfig(cluster={"server": f"http://127.0.0.1:{silent}"})
    start = time.monotonic()
    refused = ask(slow, "--request-timeout", "500ms")
    assert refused == f"the apiserver http://127.0.0.1:{silent} can't be reached: no answer within 0.5 s"
    assert time.monotonic() - start < DEADLINE_S / 2
    assert ask(slow, "--request-timeout", "x", status=2) == (
        "--request-timeout: 'x' is no duration such as 30s or 2m: see kubectl lens version --help"
    )


def test_what_answers_is_no_apiserver(scene: Scene, lens: Operator) -> None:
    other = scene.kubeconfig(cluster={"server": lens.url})
    assert ask(other) == ("the apiserver answers HTTP 404 to list pods in all namespaces")
    url = scene.http.url
    assert fails("version", "--server", url) == f"Lens at {url}: the answer isn't one of Lens (HTTP 401)"
    plain = scene.kubeconfig(cluster={"server": scene.http.url.replace("http:", "https:")})
    assert ask(plain).endswith("can't be reached: TLS fails (wrong version number): is it plain http://?")


def test_the_pods_port_is_closed(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()[:2]
    scene.add_pod("lens/lens-0", address)
    assert ask(scene.kubeconfig()) == (
        "Lens in namespace lens can't be reached: pod lens/lens-0: error forwarding port 8080 to pod lens-0: "
        "failed to connect to localhost:8080: Connection refused"
    )


def test_a_proxy_that_refuses(scene: Scene, kubeconfig: Path, loop: Loop) -> None:
    for proxy, problem in (
        (HttpProxy("user", "secret"), "the proxy refuses: 'HTTP/1.1 407 Proxy Authentication Required'"),
        (Socks5Proxy("user", "secret"), "the proxy doesn't accept the user or the password"),
    ):
        with proxy.running(loop) as url:
            path = scene.kubeconfig(cluster={"proxy-url": url.replace("secret", "wrong")}, tls=True)
            assert ask(path) == f"the apiserver {scene.https.url} can't be reached: {problem}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for scheme in ("http", "https", "socks5"):
        path = scene.kubeconfig(cluster={"proxy-url": f"{scheme}://u:secret@127.0.0.1:{port}"}, tls=True)
        assert ask(path) == (
            f"the apiserver {scene.https.url} can't be reached: the proxy 127.0.0.1:{port} can't be reached: "
            "connection refused"
        )
    bad = scene.kubeconfig(cluster={"proxy-url": "ftp://u:secret@proxy"}, tls=True)
    assert "secret" not in ask(bad)


def test_a_proxy_that_speaks_no_tls(scene: Scene, loop: Loop) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(answer, "127.0.0.1", 0)

    server = loop.run(start())
    where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert ask(scene.kubeconfig(cluster={"proxy-url": f"https://{where}"}, tls=True)) == (
        f"the apiserver {scene.https.url} can't be reached: the proxy {where}: "
        "TLS fails (wrong version number): is it plain http://?"
    )
    loop.run(_closed(server))


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("", "./login of the kubeconfig's user 'jane' is not there: brew install login"),
        ("#!/bin/sh\nexit 3", "login of the kubeconfig ended with 3"),
        ("#!/bin/sh\necho hello", "login of the kubeconfig printed no ExecCredential"),
        (
            '#!/bin/sh\necho \'{"apiVersion": "v9", "status": {"token": "a"}}\'',
            "login of the kubeconfig printed 'v9', not client.authentication.k8s.io/v1",
        ),
        (
            '#!/bin/sh\necho \'{"apiVersion": "client.authentication.k8s.io/v1", "status": {}}\'',
            "login of the kubeconfig printed neither a token nor a certificate with its key",
        ),
    ],
)
def test_a_plugin_that_hands_out_nothing(scene: Scene, program: str, problem: str) -> None:
    path = scene.folder / "login"
    path.unlink(missing_ok=True)
    if program:
        path.write_text(program)
        path.chmod(0o755)
    hint = "\n   brew install login\n"
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./login",
            "installHint": hint,
            "interactiveMode": "Never",
        }
    }
    refused = ask(scene.kubeconfig(user, tls=True))
    assert refused.endswith(problem.removeprefix("./"))


@pytest.mark.parametrize(
    ("plugin", "problem"),
    [
        ({"args": 5}, "the kubeconfig's user 'jane': exec.args isn't a list"),
        ({"args": "a b"}, "the kubeconfig's user 'jane': exec.args isn't a list"),
        ({"env": 5}, "the kubeconfig's user 'jane': exec.env isn't a list of names and values"),
        ({"env": ["A=B"]}, "the kubeconfig's user 'jane': exec.env isn't a list of names and values"),
        (
            {"env": [{"name": "A=B", "value": "c"}]},
            "'true' of the kubeconfig can't be run: illegal environment variable name",
        ),
        ({"args": ["a\0b"]}, "'true' of the kubeconfig can't be run: embedded null byte"),
        ({"command": "tr\0ue"}, "'tr\\x00ue' of the kubeconfig can't be run: embedded null byte"),
    ],
)
def test_a_plugin_that_cannot_be_run(scene: Scene, plugin: dict[str, object], problem: str) -> None:
    version = "client.authentication.k8s.io/v1"
    user = {"exec": {"apiVersion": version, "command": "true", "interactiveMode": "Never", **plugin}}
    assert ask(scene.kubeconfig(user, tls=True)) == problem


@pytest.mark.parametrize("user", [{"token": "a\nb"}, {"token": "a", "as": "b\r\nX-Evil: c"}])
def test_a_header_field_gets_no_second_line(scene: Scene, user: dict[str, str]) -> None:
    said = ask(scene.kubeconfig(user))
    assert said.endswith(" would have a line end in its value")
    assert "a\nb" not in said


@pytest.mark.parametrize("option", ["--context", "--kubeconfig", "--as", "--lens-namespace"])
def test_an_option_of_the_kubeconfig_beside_an_address(option: str) -> None:
    said = fails("version", option, "x", status=2, LENS_URL="http://127.0.0.1:1", LENS_TOKEN="a")
    assert said == f"{option} belongs to the kubeconfig, but LENS_URL names Lens already: leave one out"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["verison"], "'verison' is no command: did you mean version?"),
        (["\x1b[2J"], "'\\x1b[2J' is no command: kubectl lens --help lists the commands"),
        (["version", "--bla"], "unrecognized arguments: --bla: see kubectl lens version --help"),
        (["version", "--context"], "--context: expected one argument: see kubectl lens version --help"),
        (["version", "--server", "ftp://a"], "--server: 'ftp://a' is no http:// or https:// address"),
        (["version", "--server", "http://a:b"], "--server: 'http://a:b' has no valid host and port"),
        (["fit", "--gpus", "2.5"], "--gpus: '2.5' is no whole number: see kubectl lens fit --help"),
        (["nodes", "--available", "x"], "--available: 'x' is no whole number: see kubectl lens nodes --help"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], problem: str) -> None:
    assert fails(*arguments, status=2) == problem


def test_a_pipe_that_is_closed_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["--help"], ["version", "--client"]):
        done = subprocess.run(
            command(*arguments), env=environment(), stdout=writer, stderr=subprocess.PIPE, timeout=DEADLINE_S
        )
        assert (done.returncode, done.stderr) == (0, b"")
    os.close(writer)


def test_ctrl_c_ends_it_at_once_and_without_a_word(scene: Scene, silent: int) -> None:
    slow = scene.kubeconfig(cluster={"server": f"http://127.0.0.1:{silent}"})
    process = subprocess.Popen(
        command("version", "--kubeconfig", slow, "--request-timeout", "10m"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    # Its first line is there before it asks.
    assert process.stdout.readline().startswith(b"Client: ")
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, rest) == (-signal.SIGINT, (b"", b""))


def test_ctrl_c_ends_a_plugin_too(scene: Scene) -> None:
    login = scene.folder / "login"
    pid = scene.folder / "pid"
    login.write_text(f"#!/bin/sh\necho $$ > {pid}.new && mv {pid}.new {pid}\nexec sleep 600\n")
    login.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login"}}
    process = subprocess.Popen(
        command("version", "--kubeconfig", scene.kubeconfig(user, tls=True)),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + DEADLINE_S
    while not pid.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (-signal.SIGINT, b"")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    pid.unlink()
