import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.store import Store
from tests.integration.sim.conftest import TOKEN
from tests.integration.sim.manifests import add_pods
from tests.required import program


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Basic garbage"},
        {"Authorization": aiohttp.encode_basic_auth("lens", "wrong")},
    ],
)
@pytest.mark.parametrize("path", ["/version", "/api/v1/pods", "/nowhere"])
async def test_requests_without_the_token_are_401(
    server: SimApiServer, headers: dict[str, str], path: str
) -> None:
    async with aiohttp.ClientSession(server.url, headers=headers) as client, client.get(path) as response:
        status = await response.json()
        assert (response.status, status["reason"], status["code"]) == (401, "Unauthorized", 401)


async def test_the_token_may_be_a_password_and_may_be_rotated(server: SimApiServer) -> None:
    async with aiohttp.ClientSession(server.url) as client:
        for token in (TOKEN, "rotated"):
            server.token = token
            for header in (f"Bearer {token}", aiohttp.encode_basic_auth("lens", token)):
                async with client.get("/version", headers={"Authorization": header}) as response:
                    assert response.status == 200


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "could not find the requested resource"),
        ("/api/v2", "could not find the requested resource"),
        ("/apis/apps/v1/statefulsets", "could not find the requested resource"),
        ("/api/v1/secrets", "could not find the requested resource"),
        ("/api/v1/pods/a", "could not find the requested resource"),
        ("/api/v1/namespaces/ns/nodes", "could not find the requested resource"),
        ("/api/v1/namespaces/ns/pods/a/log", "could not find the requested resource"),
        ("/api/v1/namespaces/ns/pods/a", 'pods "a" not found'),
        ("/api/v1/nodes/n", 'nodes "n" not found'),
        ("/api/v1/daemonsets", "could not find the requested resource"),
        ("/apis/apps/v1/pods", "could not find the requested resource"),
        ("/apis/apps/v1/namespaces/ns/daemonsets/a", 'daemonsets.apps "a" not found'),
    ],
)
async def test_what_is_not_there_is_a_404(client: aiohttp.ClientSession, path: str, says: str) -> None:
    async with client.get(path) as response:
        status = await response.json()
        assert (response.status, status["reason"]) == (404, "NotFound")
        assert says in status["message"]


@pytest.mark.parametrize("path", ["/api/v1/namespaces/ns/pods", "/api/v1/namespaces/ns/pods/a", "/version"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_written(client: aiohttp.ClientSession, method: str, path: str) -> None:
    async with client.request(method, path, json={}) as response:
        assert (response.status, (await response.json())["reason"]) == (405, "MethodNotAllowed")


async def test_discovery_names_what_is_served(client: aiohttp.ClientSession) -> None:
    bodies = {}
    for path in ("/version", "/api", "/apis", "/api/v1", "/apis/apps", "/apis/apps/v1"):
        async with client.get(path) as response:
            bodies[path] = await response.json()
    assert "simulated" in bodies["/version"]["gitVersion"]
    assert bodies["/api"]["versions"] == ["v1"]
    group = bodies["/apis/apps"]
    assert group.pop("kind") == "APIGroup"
    assert group.pop("apiVersion") == "v1"
    groups = bodies["/apis"]["groups"]
    assert group in groups
    assert {each["name"] for each in groups} == {
        "apps",
        "batch",
        "policy",
        "jobset.x-k8s.io",
        "kubeflow.org",
        "node.k8s.io",
        "scheduling.k8s.io",
    }
    assert group["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    listed = {resource["name"]: resource for resource in bodies["/api/v1"]["resources"]}
    assert listed.keys() == {
        "namespaces",
        "nodes",
        "pods",
        "events",
        "limitranges",
        "resourcequotas",
    }
    assert {"get", "list", "watch"} == set(listed["pods"]["verbs"])
    assert bodies["/apis/apps/v1"]["groupVersion"] == "apps/v1"
    apps = {resource["name"]: resource["kind"] for resource in bodies["/apis/apps/v1"]["resources"]}
    assert apps == {"daemonsets": "DaemonSet", "deployments": "Deployment", "replicasets": "ReplicaSet"}


async def test_who_asks_for_metadata_alone_gets_no_more(store: Store, client: aiohttp.ClientSession) -> None:
    add_pods(store, "a")
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    async with client.get("/api/v1/namespaces/ns/pods/a", headers={"Accept": accept}) as response:
        told = await response.json()
    async with client.get("/api/v1/namespaces/ns/pods/a") as response:
        whole = await response.json()
    assert told.keys() == {"kind", "apiVersion", "metadata"}
    assert (told["kind"], told["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert told["metadata"] == whole["metadata"]


async def test_a_killed_server_cuts_its_watches_and_comes_back_on_its_port(
    store: Store, server: SimApiServer, client: aiohttp.ClientSession
) -> None:
    add_pods(store, "a")
    url = server.url
    async with client.get("/api/v1/pods", params={"watch": "true", "timeoutSeconds": "60"}) as watch:
        assert b"ADDED" in await watch.content.readline()
        await server.stop()
        with pytest.raises(aiohttp.ClientError):
            await watch.content.readline()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get("/version")
    await server.start()
    assert server.url == url
    async with client.get("/api/v1/pods") as response:
        assert len((await response.json())["items"]) == 1


async def test_a_taken_port_is_an_error(server: SimApiServer, store: Store) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        await SimApiServer(store, TOKEN, port=server.port).start()


async def test_it_can_speak_tls(store: Store, tmp_path: Path) -> None:
    openssl = program("openssl")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    process = await asyncio.create_subprocess_exec(
        *(openssl, "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=sim"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = SimApiServer(store, TOKEN, ssl_context=context)
    await server.start()
    trusting = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=certificate))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession(connector=trusting, headers=headers) as client,
        client.get(f"{server.url}/version") as response,
    ):
        assert server.url.startswith("https://")
        assert response.status == 200
    await server.stop()


@pytest.mark.parametrize("rounds", range(6))
async def test_a_server_that_stops_as_a_client_connects_closes_the_connection(
    server: SimApiServer, rounds: int
) -> None:
    """Whether it has been accepted, has a transport or a handler: each takes the loop another round."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        for _ in range(rounds):
            await asyncio.sleep(0)
        await server.stop()
        client.setblocking(False)
        with contextlib.suppress(ConnectionError):
            assert client.recv(1) == b""
