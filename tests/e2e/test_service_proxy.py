"""The page by the apiserver's proxy to a Service, which keeps the caller's `Authorization` to itself.

`kubectl proxy` stands before it, as for a person whose browser has no credentials of the apiserver. The
apiserver proxies to pods' addresses, of which none is a loopback one: this Lens alone listens on the
machine's own, which a pod that never starts is said to have.
"""

import json
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.scene.tab import DEADLINE_S, TOTAL, Tab
from tests.e2e.cluster.given import Cluster
from tests.e2e.kubectl_lens.kubectl import Kubectl
from tests.e2e.lens import CLUSTER, Lens
from tests.required import program

NAME = "lens-by-proxy"
PATH = f"/api/v1/namespaces/lens/services/{NAME}:http/proxy/"
READER = "reader-by-proxy"
WAITING = "waits-by-proxy"
STARTING = re.compile(r"Starting to serve on (\S+)")


def own_address() -> str:
    """Return the address that this machine has for others; skip the test if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # no packet is sent
            address: str = asked.getsockname()[0]
        except OSError as error:
            pytest.skip(f"the apiserver can't proxy to this machine, which has loopback alone: {error}")
    if ip_address(address).is_loopback:
        pytest.skip("the apiserver can't proxy to this machine, which has loopback alone")
    return address


def objects(address: str, port: int) -> list[dict[str, Any]]:
    """Return the Service of a Lens that is no pod, and a reader of its figures."""
    metadata = {"namespace": "lens", "name": NAME}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"ports": [{"name": "http", "port": 80, "targetPort": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": NAME}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port}],
            "endpoints": [
                {
                    "addresses": [address],
                    "targetRef": {"kind": "Pod", "namespace": "lens", "name": NAME},
                }
            ],
        },
        gated_pod(NAME),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": "lens", "name": READER}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": READER},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "lens-viewer",
            },
            "subjects": [{"kind": "ServiceAccount", "namespace": "lens", "name": READER}],
        },
    ]


def gated_pod(name: str, limits: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a pod that stays where it is."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "lens", "name": name},
        "spec": {
            "schedulingGates": [{"name": "example.com/quota"}],
            "containers": [
                {
                    "name": "main",
                    "image": "none",
                    "resources": {"limits": limits or {}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "runAsNonRoot": True,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                }
            ],
        },
    }


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    if cluster.control_plane is None:
        pytest.skip("the given cluster's apiserver may not reach this machine")
    return Kubectl(cluster, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def proxied(
    kubectl: Kubectl, service_account: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Return the address of the page behind `kubectl proxy` and the apiserver."""
    address = own_address()
    settings = {"LENS_AUTH": "kubernetes", "LENS_LISTEN": f"{address}:0"}
    with ExitStack() as stack:
        lens = Lens.start(service_account, tmp_path_factory.mktemp("proxied") / "log", settings)
        stack.callback(lens.stop)
        made = objects(address, int(lens.url.rpartition(":")[2]))
        kubectl.apply(*made)
        for each in made:
            kind, name = each["kind"].lower(), each["metadata"]["name"]
            stack.callback(kubectl.run, "-n", "lens", "delete", "--ignore-not-found", kind, name)
        kubectl.set_status("pod", NAME, {"podIP": address, "podIPs": [{"ip": address}]})
        proxy = subprocess.Popen(
            [kubectl.program, "--kubeconfig", str(kubectl.admin), "proxy", "--port=0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.enter_context(proxy)
        stack.callback(proxy.terminate)
        assert proxy.stdout is not None
        started = STARTING.match(proxy.stdout.readline())
        assert started is not None
        yield f"http://{started[1]}{PATH}"


@pytest.fixture(scope="module")
def token(kubectl: Kubectl, proxied: str) -> str:
    """Return the reader's token."""
    done = kubectl.run("-n", "lens", "create", "token", READER)
    assert done.returncode == 0, done.stderr
    made: str = done.stdout.strip()
    return made


def get(url: str, **headers: str) -> HTTPResponse:
    """Send a GET; return the response, which is open."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    response: HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, headers=sent), timeout=30)
    return response


def test_the_document_and_its_files_come_through(proxied: str) -> None:
    with get(proxied) as response:
        document = response.read().decode()
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    addresses = re.findall(r'(?:src|href)="\./([^"]+)"', document)
    found = re.findall(r'(?:src|href)="(assets/[^"]+)"', document)
    assert addresses == []
    assert {name.rpartition(".")[2] for name in found} == {"css", "js", "svg"}
    for name in found:
        with get(proxied + name) as response:
            assert response.read()


@pytest.mark.parametrize("encodings", ["identity", "gzip", "gzip, deflate, br, zstd"])
@pytest.mark.parametrize("path", ["", "docs"])
def test_html_comes_whole_whatever_is_accepted(proxied: str, path: str, encodings: str) -> None:
    with get(proxied + path, Accept_Encoding=encodings) as response:
        assert response.read().rstrip().endswith(b"</html>")


def test_the_token_goes_in_a_field_of_lens_own(proxied: str, token: str) -> None:
    status = f"{proxied}api/v1/realtime/status?cluster={CLUSTER}"
    with get(status, Lens_Authorization=f"Bearer {token}") as response:
        assert json.load(response)["data"]["current_gpu_usage"]["total_gpus"] > 0
    # The apiserver takes `Authorization` for itself, and this account has no right to its proxy.
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(status, Authorization=f"Bearer {token}")
    assert refused.value.code == 403
    refused.value.close()


def test_events_of_the_stream_come_as_they_are_sent(proxied: str, token: str) -> None:
    stream = f"{proxied}api/v1/realtime/stream?cluster={CLUSTER}&include=status"
    with get(stream, Lens_Authorization=f"Bearer {token}") as response:
        assert next(line for line in response if line.startswith(b"event:")) == b"event: snapshot\n"


def test_a_browser_shows_the_page_and_keeps_it_live(kubectl: Kubectl, proxied: str, token: str) -> None:
    chromium = program("chromium")
    expect.set_options(timeout=1000 * DEADLINE_S)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium) as browser:
        tab = Tab(browser.new_context(), proxied.removesuffix("/"), token)
        tab.sign_in(token)
        expect(tab.figure(TOTAL)).to_have_text(re.compile(r"[1-9]"))
        assert all(request.url.startswith(proxied) for request in tab.requests)
        waiting = int(tab.figure("pending.pods").inner_text().replace(",", ""))
        kubectl.apply(gated_pod(WAITING, {"nvidia.com/gpu": "4"}))
        try:
            expect(tab.figure("pending.pods")).to_have_text(f"{waiting + 1:,}")
        finally:
            kubectl.run("-n", "lens", "delete", "pod", WAITING, "--force", "--grace-period=0")
        expect(tab.figure("pending.pods")).to_have_text(f"{waiting:,}")
        tab.check()
