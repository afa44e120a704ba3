"""Tokens, certificates and addresses that change are followed; what is wrong for a while is waited for."""

import asyncio
import io
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from lens.kube.client.kubeconfig import Connection, ConnectionFailedError
from lens.kube.watch.resources import fit_resources
from lens.logs import JsonFormatter
from tests.integration.watch import faults, tls
from tests.integration.watch.front import Front
from tests.integration.watch.objects import Object, pod
from tests.integration.watch.scene import TOKEN, Scene, write


def refused(scene: Scene) -> float:
    """Return how many requests were answered with 401."""
    return scene.metric("lens_kube_requests_total", outcome="401")


POLICIES = tuple(resource.path for resource in fit_resources.ALL)


async def until_watching(scene: Scene) -> None:
    """Wait until all is known and all watches have been answered."""
    await scene.until_exact()
    front = scene.front
    await scene.until(
        lambda: (
            all(front.open(kind) == 1 for kind in ("watch pods", "watch nodes", *POLICIES))
            # 404 is for resource.k8s.io, which isn't served.
            and sum(scene.metric("lens_kube_requests_total", outcome=each) for each in ("200", "404"))
            == len(front.requests)
        ),
        "all watches",
    )


async def until_news_arrive(scene: Scene, name: str) -> None:
    """Cut the watches, change something, and wait for it: new requests have to be made."""
    scene.front.cut("")
    scene.put_pod(pod(name, on="node-1"))
    await scene.until_exact()


class CountedConnection(Connection):
    """Counts how often the configuration is loaded, for which a plugin may run a program."""

    loads = 0

    def load(self) -> None:
        self.loads += 1
        super().load()


@pytest.mark.slow
async def test_credentials_that_stay_refused_are_not_loaded_all_the_time(scene: Scene) -> None:
    connection = CountedConnection(scene.kubeconfig())
    scene.watch(connection)
    await until_watching(scene)
    loads, began = connection.loads, time.monotonic()
    scene.sim.token = "unknown"
    scene.front.cut("")
    await scene.until(lambda: refused(scene) >= 40, "refusals")
    # Each second one for all requests, and one for the login; a streak of logins begins without pauses.
    assert connection.loads - loads <= 2 * (time.monotonic() - began) + 5
    scene.sim.token = TOKEN
    await scene.until_exact()


async def test_a_temporary_401_is_survived(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    scene.sim.token = "unknown"
    scene.front.cut("")
    await scene.until(lambda: refused(scene) >= 3, "refusals")
    scene.sim.token = TOKEN
    await until_news_arrive(scene, "after")
    assert scene.restarts == 0


async def test_a_permanent_401_is_paced(scene: Scene) -> None:
    scene.sim.token = "unknown"
    scene.watch()
    await scene.until(lambda: len(scene.front.requests) >= 20, "twenty requests")
    requests = scene.front.requests
    assert requests[19].moment - requests[0].moment >= 0.1 + 0.2
    scene.sim.token = TOKEN
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_token_in_a_file_is_read_again_as_it_rotates(scene: Scene) -> None:
    file = scene.folder / "token"
    write(file, TOKEN)
    scene.watch(Connection(scene.kubeconfig({"tokenFile": "token"})))
    await until_watching(scene)
    for number in range(2):
        scene.sim.token = f"rotated-{number}"
        write(file, scene.sim.token + "\n")
        await until_news_arrive(scene, f"after-{number}")
        await until_watching(scene)
    assert refused(scene) == 0
    assert scene.restarts == 0


async def test_a_token_file_that_lags_behind_is_read_again(scene: Scene) -> None:
    file = scene.folder / "token"
    write(file, TOKEN)
    scene.watch(Connection(scene.kubeconfig({"tokenFile": str(file)})))
    await scene.until_exact()
    scene.sim.token = "rotated"
    scene.front.cut("")
    await scene.until(lambda: refused(scene) >= 2, "refusals")
    write(file, "")
    await scene.until(lambda: refused(scene) >= 4, "more refusals")
    write(file, "rotated")
    await until_news_arrive(scene, "after")


async def test_a_temporarily_broken_kubeconfig_is_survived(scene: Scene) -> None:
    file = scene.kubeconfig()
    scene.watch(Connection(file))
    await until_watching(scene)
    scene.sim.token = "second-token"
    file.write_text('{"current-context": "sim", "contexts": [')
    scene.front.cut("")
    await scene.until(lambda: scene.metric("lens_kube_requests_total", outcome="error") >= 3, "errors")
    scene.kubeconfig({"token": "second-token"})
    await until_news_arrive(scene, "after")
    assert scene.restarts == 0


async def test_a_kubeconfig_with_a_new_server_is_used(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    old = scene.front
    scene.front = Front(scene.sim.port)
    await scene.front.start()
    scene.sim.token = "theirs"
    scene.kubeconfig({"token": "theirs"})
    old.cut("")
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()
    assert "Bearer theirs" not in {request.headers.get("authorization") for request in old.requests}
    assert scene.restarts == 0
    await old.stop()


async def test_a_missing_kubeconfig_fails_the_start_and_is_named(scene: Scene) -> None:
    scene.watch(Connection(scene.folder / "nowhere"))
    assert scene.watching is not None
    with pytest.raises(ConnectionFailedError, match="nowhere"):
        await scene.watching
    scene.watching = None


async def test_a_restarted_watch_retries_a_missing_kubeconfig(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = scene.watch()
    await scene.until_exact()
    assert scene.watching is not None
    scene.watching.cancel()
    await asyncio.gather(scene.watching, return_exceptions=True)
    (scene.folder / "kubeconfig").unlink()
    scene.watching = asyncio.create_task(watcher.run())
    await scene.until(lambda: "the configuration can't be read" in caplog.text, "it misses the file")
    scene.put_pod(pod("meanwhile", on="node-1"))
    scene.kubeconfig()
    await scene.until_exact()


def plugin(scene: Scene, token: str, lasts: timedelta) -> Object:
    """Let the credential plugin give that token from now on; return the kubeconfig's user who runs it."""
    version = "client.authentication.k8s.io/v1"
    expiry = (datetime.now(UTC) + lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"token": token, "expirationTimestamp": expiry}
    file = scene.folder / "credential"
    write(file, json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status}))
    return {"exec": {"apiVersion": version, "command": "cat", "args": [str(file)]}}


@pytest.mark.parametrize("lasts", [timedelta(hours=1), timedelta(0)], ids=["revoked", "over"])
async def test_an_exec_plugin_runs_again_when_its_token_expires(scene: Scene, lasts: timedelta) -> None:
    scene.watch(Connection(scene.kubeconfig(plugin(scene, TOKEN, lasts))))
    await until_watching(scene)
    scene.sim.token = "second-token"
    plugin(scene, "second-token", lasts)
    await until_news_arrive(scene, "after")
    # A token that is over is not even tried.
    assert (refused(scene) == 0) == (lasts == timedelta(0))
    assert scene.restarts == 0


async def test_a_failing_exec_plugin_is_retried(scene: Scene) -> None:
    scene.watch(Connection(scene.kubeconfig(plugin(scene, TOKEN, timedelta(hours=1)))))
    await scene.until_exact()
    scene.sim.token = "second-token"
    (scene.folder / "credential").unlink()
    scene.front.cut("")
    await scene.until(lambda: refused(scene) >= 3, "refusals")
    plugin(scene, "second-token", timedelta(hours=1))
    await until_news_arrive(scene, "after")


class ServiceAccount:
    """A service account's folder as the kubelet keeps it: all of it is replaced at once, by a link."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "serviceaccount"
        self.folder.mkdir()
        self._number = 0

    def mount(self, token: str, authority: tls.Pair) -> None:
        """Replace the token and the CA."""
        self._number += 1
        version = self.folder / f"..{self._number}"
        version.mkdir()
        (version / "token").write_text(token)
        (version / "ca.crt").write_bytes(authority.certificate.read_bytes())
        link = self.folder / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self.folder / "..data")
        for name in ("token", "ca.crt"):
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")


async def test_a_rotated_service_account_token_is_used(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await tls.authority(scene.folder, "first-ca")
    second = await tls.authority(scene.folder, "second-ca")
    account = ServiceAccount(scene.folder)
    account.mount(TOKEN, first)
    await scene.front.stop()
    await scene.front.start(await tls.server(scene.folder, "first-server", first))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(scene.front.port))
    scene.watch(Connection(service_account=account.folder))
    await until_watching(scene)

    scene.sim.token = "second-token"
    account.mount("second-token", first)
    await until_news_arrive(scene, "after-the-token")
    assert refused(scene) == 0

    # The server is first to change, and not trusted until the mount has followed.
    await scene.front.stop()
    await scene.front.start(await tls.server(scene.folder, "second-server", second))
    asked = len(scene.front.requests)
    errors = scene.metric("lens_kube_requests_total", outcome="error")
    await scene.until(
        lambda: scene.metric("lens_kube_requests_total", outcome="error") > errors + 2, "handshakes refused"
    )
    assert len(scene.front.requests) == asked
    account.mount("second-token", second)
    await until_news_arrive(scene, "after-the-ca")
    assert scene.restarts == 0


async def test_a_rotated_client_certificate_and_ca_are_used(scene: Scene) -> None:
    first = await tls.authority(scene.folder, "first-ca")
    second = await tls.authority(scene.folder, "second-ca")

    async def rotate(by: tls.Pair, name: str) -> None:
        client = await tls.certificate(scene.folder, f"{name}-client", by)
        await scene.front.stop()
        await scene.front.start(await tls.server(scene.folder, f"{name}-server", by, clients_by=by))
        scene.kubeconfig(
            {"client-certificate": str(client.certificate), "client-key": str(client.key), "token": TOKEN},
            {"certificate-authority": str(by.certificate)},
        )

    await rotate(first, "first")
    scene.watch(Connection(scene.folder / "kubeconfig"))
    await scene.until_exact()
    await rotate(second, "second")
    await until_news_arrive(scene, "after")
    assert scene.restarts == 0


async def test_a_kubeconfig_that_enables_verification_again_is_obeyed(scene: Scene) -> None:
    ours = await tls.authority(scene.folder, "ca")
    await scene.front.stop()
    await scene.front.start(await tls.server(scene.folder, "server", ours))
    scene.watch(Connection(scene.kubeconfig(None, {"insecure-skip-tls-verify": True})))
    await until_watching(scene)
    scene.kubeconfig(None, {"insecure-skip-tls-verify": False})
    asked = len(scene.front.requests)
    scene.front.cut("")
    await scene.until(lambda: scene.metric("lens_kube_requests_total", outcome="error") > 3, "errors")
    assert len(scene.front.requests) == asked
    scene.kubeconfig(None, {"certificate-authority": str(ours.certificate)})
    await until_news_arrive(scene, "after")
    assert scene.restarts == 0


async def test_a_redirect_is_not_followed_and_gets_no_token(scene: Scene) -> None:
    elsewhere = Front(scene.sim.port)
    await elsewhere.start()
    for kind, path in (("/api", "/api"), ("list pods", "/api/v1/pods"), ("watch pods", "/api/v1/pods")):
        scene.front.script(kind, faults.answer(307, Location=f"{elsewhere.url}{path}"))
    scene.watch()
    await scene.until(lambda: scene.front.scripted == 0, "all redirects met")
    await scene.until_exact()
    assert elsewhere.requests == []
    assert scene.restarts == 0
    await elsewhere.stop()


@pytest.mark.parametrize(
    ("server", "rules"),
    [
        ("https://apiserver.example:6443", "other,apiserver.example"),
        ("https://apiserver.example:6443", ".example"),
        ("https://10.96.0.1", "localhost,10.96.0.0/12"),
        ("https://[fd00::1]:6443", "fd00::/8"),
        ("https://[fd00::1]:6443", "[fd00::1]"),
        ("https://[fd00::1]:6443", "[fd00::1]:6443"),
        ("https://apiserver.example", "*.EXAMPLE"),
        ("https://apiserver.example", "apiserver.example:443"),
        ("https://a:b@apiserver.example:6443", "apiserver.example:6443"),
        ("http://10.96.0.1", "*"),
    ],
)
async def test_no_proxy_exempts_the_apiserver(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, server: str, rules: str
) -> None:
    connection = Connection(scene.kubeconfig(None, {"server": server}))
    for scheme in ("HTTP", "HTTPS"):
        monkeypatch.setenv(f"{scheme}_PROXY", "http://127.0.0.1:1")
    connection.load()
    assert connection.proxy == "http://127.0.0.1:1"
    monkeypatch.setenv("NO_PROXY", rules)
    connection.load()
    assert connection.proxy is None


@pytest.mark.parametrize(
    ("server", "rules"),
    [
        ("https://apiserver.example", "apiserver.example:6443,example.com,piserver.example,.,:443"),
        ("https://example", "*.example,.example"),
        ("https://10.96.0.1", "96.0.1,10.96.0.1:80,10.96.0.2/32"),
    ],
)
async def test_no_proxy_exempts_nobody_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, server: str, rules: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", rules)
    connection = Connection(scene.kubeconfig(None, {"server": server}))
    connection.load()
    assert connection.proxy == "http://127.0.0.1:1"


async def test_no_proxy_of_the_environment_is_asked_for_this_machine(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    scene.watch()
    await scene.until_exact()


@pytest.mark.parametrize("scheme", ["", "http://"])
async def test_requests_to_other_machines_use_the_proxy_of_the_environment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "apiserver.example")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", scheme + scene.front.url.removeprefix("http://"))
    scene.watch(Connection(scene.kubeconfig(None, {"server": "http://apiserver.invalid"})))
    await scene.until_exact()


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ({"client-certificate-data": "A", "client-key-data": "A"}, "client-key-data isn't base64"),
        ({"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}, "certificate or key can't"),
        ({"tokenFile": "/nowhere/token"}, "kubeconfig: /nowhere/token: No such file or directory"),
    ],
)
async def test_a_file_or_text_of_a_kubeconfig_that_can_not_be_read_is_named(
    scene: Scene, user: Object, told: str
) -> None:
    connection = Connection(scene.kubeconfig(user, {"server": "https://127.0.0.1:1"}))
    with pytest.raises(ConnectionFailedError, match=told):
        connection.load()


@pytest.mark.parametrize(
    "proxy", ["socks5://a:secret@127.0.0.1:1080", "http://", "http://[::1", "ftp://127.0.0.1"]
)
async def test_a_proxy_that_is_not_one_of_http_is_named(scene: Scene, proxy: str) -> None:
    connection = Connection(scene.kubeconfig(None, {"proxy-url": proxy}))
    with pytest.raises(
        ConnectionFailedError, match=r"the proxy.* is no http:// or https:// address"
    ) as refused:
        connection.load()
    assert "secret" not in str(refused.value)


async def test_requests_use_the_configured_proxy(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Front(scene.sim.port)
    await proxy.start()
    scene.watch(Connection(scene.kubeconfig(None, {"proxy-url": proxy.url})))
    await scene.until_exact()
    assert scene.front.requests == []
    await proxy.stop()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "the proxy refuses: HTTP 407",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + 10 * b"no TLS\r\n", "apiserver.example:6443: "),
    ],
)
async def test_a_proxy_that_does_not_connect_is_an_outage(
    scene: Scene, answer: bytes, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        cluster = {
            "server": "https://apiserver.example:6443",
            "proxy-url": f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}",
        }
        scene.watch(Connection(scene.kubeconfig(None, cluster)))
        await scene.until(lambda: asked >= 4, "requests")
    assert scene.restarts == 0
    told = [vars(each)["error"] for each in caplog.records if each.name == "lens.kube.watch.outage"]
    assert told
    assert all(each.startswith(cause) and len(each) > len("apiserver.example:6443: ") for each in told)
    assert "permitted" not in caplog.text


async def test_another_proxy_in_the_kubeconfig_is_used_at_once(scene: Scene) -> None:
    first, second = Front(scene.sim.port), Front(scene.sim.port)
    await first.start()
    await second.start()
    scene.watch(Connection(scene.kubeconfig(None, {"proxy-url": first.url})))
    await scene.until_exact()
    scene.kubeconfig(None, {"proxy-url": second.url})
    await first.stop()
    await until_news_arrive(scene, "by the second")
    assert second.requests != []
    assert scene.front.requests == []
    await second.stop()


@pytest.mark.slow
async def test_the_password_in_the_apiservers_url_authenticates_and_is_not_logged(
    scene: Scene,
) -> None:
    with_password = scene.front.url.replace("://", "://somebody:secret@")
    basic = aiohttp.encode_basic_auth("somebody", "secret")
    scene.sim.token = "unknown"
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        scene.watch(Connection(scene.kubeconfig(user={"username": ""}, cluster={"server": with_password})))
        await scene.until(lambda: refused(scene) >= 3, "refusals")
        await scene.front.stop()
        await scene.until(lambda: scene.metric("lens_kube_requests_total", outcome="error") >= 2, "failures")
        await scene.front.start()
        await scene.until(lambda: refused(scene) >= 6, "more refusals")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert {request.headers.get("authorization") for request in scene.front.requests} == {basic}
    written = stream.getvalue()
    assert scene.front.url in written
    assert "secret" not in written
    assert basic.removeprefix("Basic ") not in written
