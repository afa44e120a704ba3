"""However somebody logs in to the cluster, `kubectl lens` gets to its Lens, as that somebody."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from lens_client import __version__
from lens_client.api import schema
from lens_client.options import Options
from lens_client.reach import connect
from lens_client.transport import endpoint
from lens_client.transport.proxies import from_environment
from lens_sim.apiserver.reviews import Account, Right
from tests.integration.client.conftest import Operator
from tests.integration.client.proxies import HttpProxy, Socks5Proxy
from tests.integration.client.scene import CLUSTER, READER, TOKEN, Loop, Scene, fails, run
from tests.integration.operator import wait_for

VERSIONS = f"Client: {__version__}\nLens:   {__version__}\n"


def caller(lens: Operator, *arguments: object, **variables: str) -> str | None:
    """Return as whom Lens was asked, with these options and variables."""
    options = Options()
    for name, value in zip(arguments[::2], arguments[1::2], strict=True):
        setattr(options, str(name).removeprefix("--").replace("-", "_"), str(value))
    before = len(lens.callers())
    way = connect.find(options, variables)
    try:
        found = way.lens()
        assert found.cluster == CLUSTER
        status = found.get("/api/v1/realtime/status", schema.Status).data
        assert status["current_gpu_usage"]["total_gpus"] == 32
    finally:
        way.close()
    wait_for(lambda: len(lens.callers()) > before, "the access log's line")
    return lens.callers()[-1]


def test_the_kubeconfigs_token_is_shown_to_lens(kubeconfig: Path, lens: Operator) -> None:
    assert run("version", "--kubeconfig", kubeconfig).stdout == VERSIONS
    assert caller(lens, "--kubeconfig", kubeconfig) == "jane"


def test_a_token_of_a_file_starts_at_the_kubeconfigs_folder(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    (scene.folder / "jane.token").write_text(f"{TOKEN}\n")
    scene.kubeconfig({"tokenFile": "jane.token"})
    assert caller(lens, "--kubeconfig", kubeconfig) == "jane"


def test_a_client_certificate_gets_a_service_accounts_token(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    files = {"client-certificate": scene.client.certificate.name, "client-key": str(scene.client.key)}
    assert caller(lens, "--kubeconfig", scene.kubeconfig(files, tls=True)) == READER
    data = {
        f"{name}-data": base64.b64encode(path.read_bytes()).decode()
        for name, path in (
            ("client-certificate", scene.client.certificate),
            ("client-key", scene.client.key),
        )
    }
    assert caller(lens, "--kubeconfig", scene.kubeconfig(data, tls=True)) == READER


def test_another_service_account_can_be_named(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    scene.http.service_accounts.names = {"team/dashboards"}
    account = "system:serviceaccount:team:dashboards"
    scene.accounts.rights[account] = scene.accounts.rights["jane"]
    assert caller(lens, "--kubeconfig", kubeconfig, "--service-account", "team/dashboards") == account
    assert caller(lens, "--kubeconfig", kubeconfig, "--as-user", account) == account
    assert caller(lens, "--kubeconfig", kubeconfig, LENS_SERVICE_ACCOUNT="team/dashboards") == account


def plugin(folder: Path, credentials: dict[str, Any], version: str = "v1") -> dict[str, Any]:
    """Return a kubeconfig's exec with a program that hands out credentials, and keeps what it was told."""
    api = f"client.authentication.k8s.io/{version}"
    document = {"apiVersion": api, "kind": "ExecCredential", "status": credentials}
    program = folder / "login"
    program.write_text(
        f'#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" > {folder}/told\n'
        f"test \"$1-$REGION\" = get-token-north && cat <<'END'\n{json.dumps(document)}\nEND\n"
    )
    program.chmod(0o755)
    return {
        "exec": {
            "apiVersion": api,
            "command": "./login",
            "args": ["get-token"],
            "env": [{"name": "REGION", "value": "north"}],
            "interactiveMode": "IfAvailable",
            "provideClusterInfo": True,
        }
    }


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_plugins_token_is_shown_to_both(
    scene: Scene, lens: Operator, kubeconfig: Path, version: str
) -> None:
    user = plugin(scene.folder, {"token": TOKEN}, version)
    assert caller(lens, "--kubeconfig", scene.kubeconfig(user, tls=True)) == "jane"
    told = json.loads((scene.folder / "told").read_text())
    assert (told["kind"], told["spec"]["interactive"]) == ("ExecCredential", False)
    assert told["spec"]["cluster"]["server"] == scene.https.url
    authority = base64.b64decode(told["spec"]["cluster"]["certificate-authority-data"]).decode()
    assert ssl.PEM_cert_to_DER_cert(authority)


def test_a_plugins_certificate_gets_a_service_accounts_token(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    credentials = {
        "clientCertificateData": scene.client.certificate.read_text(),
        "clientKeyData": scene.client.key.read_text(),
    }
    assert (
        caller(lens, "--kubeconfig", scene.kubeconfig(plugin(scene.folder, credentials), tls=True)) == READER
    )


def test_kubectls_own_oidc_login_is_taken_while_its_token_is_good(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    provider = {"auth-provider": {"name": "oidc", "config": {"id-token": TOKEN}}}
    assert caller(lens, "--kubeconfig", scene.kubeconfig(provider)) == "jane"


def test_several_kubeconfigs_are_one(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    whole = json.loads(kubeconfig.read_text())
    users, rest = scene.folder / "users", scene.folder / "rest"
    users.write_text(json.dumps({"users": whole.pop("users"), "current-context": "sim"}))
    rest.write_text(
        json.dumps({**whole, "users": [{"name": "jane", "user": {"token": "wrong"}}], "current-context": "x"})
    )
    missing = scene.folder / "missing"
    assert caller(lens, KUBECONFIG=f"{missing}:{users}:{rest}") == "jane"
    home = scene.folder / "home"
    (home / ".kube").mkdir(parents=True)
    kubeconfig.rename(home / ".kube" / "config")
    assert caller(lens, HOME=str(home)) == "jane"


def test_a_yaml_kubeconfig_is_one_too(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    path = scene.folder / "yaml"
    path.write_text(
        f"""\
apiVersion: v1
kind: Config
clusters:
- cluster:
    server: {scene.http.url}
  name: sim
contexts:
- context: {{cluster: sim, namespace: ml-team, user: jane}}
  name: other
users:
- name: jane
  user:
    token: {TOKEN}
"""
    )
    assert caller(lens, "--kubeconfig", path, "--context", "other") == "jane"
    options = Options()
    options.kubeconfig, options.context = str(path), "other"
    assert connect.find(options, {}).namespace == "ml-team"


def test_texts_that_yaml_takes_for_numbers_and_the_like_need_no_quotes(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    """As kubectl reads them."""
    credentials = json.dumps({"token": TOKEN})
    path = scene.folder / "unquoted"
    path.write_text(
        f"""\
current-context: 2024-05-01
clusters:
- name: 123456789012
  cluster: {{server: {scene.http.url}}}
contexts:
- name: 2024-05-01
  context: {{cluster: 123456789012, namespace: 7, user: on}}
users:
- name: on
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: /bin/sh
      args:
      - -c
      - 'test "$0-$FLAG-$NUMBER" = true-true-12 &&
        echo "{{\\"apiVersion\\": \\"client.authentication.k8s.io/v1\\", \\"status\\": $STATUS}}"'
      - true
      env:
      - {{name: FLAG, value: true}}
      - {{name: NUMBER, value: 12}}
      - {{name: STATUS, value: '{credentials}'}}
"""
    )
    assert caller(lens, "--kubeconfig", path) == "jane"
    options = Options()
    options.kubeconfig = str(path)
    assert connect.find(options, {}).namespace == "7"


def test_the_certificate_may_have_another_name_than_the_address(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    port = scene.https.port
    other = {"server": f"https://localhost:{port}"}
    refused = fails("version", "--kubeconfig", scene.kubeconfig(cluster=other, tls=True))
    assert refused.startswith(f"the apiserver https://localhost:{port} can't be reached: its certificate ")
    named = other | {"tls-server-name": "127.0.0.1"}
    assert caller(lens, "--kubeconfig", scene.kubeconfig(cluster=named, tls=True)) == "jane"
    trusting = other | {"certificate-authority-data": "", "insecure-skip-tls-verify": True}
    assert caller(lens, "--kubeconfig", scene.kubeconfig(cluster=trusting, tls=True)) == "jane"


def test_a_proxy_of_the_kubeconfig_is_used(
    scene: Scene, lens: Operator, kubeconfig: Path, loop: Loop
) -> None:
    for proxy in (HttpProxy("user", "pass/word"), Socks5Proxy("user", "pass/word"), Socks5Proxy("", "")):
        with proxy.running(loop) as url:
            path = scene.kubeconfig(cluster={"proxy-url": url}, tls=True)
            assert caller(lens, "--kubeconfig", path) == "jane"
            assert proxy.asked == [f"127.0.0.1:{scene.https.port}"]


def test_a_proxy_of_the_environment_is_used_but_for_no_proxy(
    scene: Scene, lens: Operator, kubeconfig: Path, loop: Loop
) -> None:
    # What is on loopback gets no proxy, as with Go's programs: an address that only the proxy takes for it.
    server = {"server": f"https://apiserver.example:{scene.https.port}", "tls-server-name": "127.0.0.1"}
    path = scene.kubeconfig(cluster=server, tls=True, name="by-proxy")
    proxy = HttpProxy("", "", resolve={"apiserver.example": "127.0.0.1"})
    with proxy.running(loop) as url:
        assert caller(lens, "--kubeconfig", path, HTTPS_PROXY=url) == "jane"
        assert proxy.asked == [f"apiserver.example:{scene.https.port}"]
        refused = fails("version", "--kubeconfig", path, HTTPS_PROXY=url, NO_PROXY="a.b,.example")
        assert refused == f"the apiserver {server['server']} can't be reached: its name can't be resolved"
        assert caller(lens, "--kubeconfig", kubeconfig, HTTP_PROXY=url) == "jane"
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("server", "rules"),
    [
        ("https://apiserver.example", "*.EXAMPLE"),
        ("https://[2001:db8::1]:6443", "[2001:db8::1]:6443"),
        ("https://[2001:db8::1]:6443", "2001:db8::/32"),
        ("https://apiserver.example", "apiserver.example:443"),
    ],
)
def test_no_proxy_is_read_as_kubectl_reads_it(server: str, rules: str) -> None:
    proxy = {"HTTPS_PROXY": "http://proxy.example:3128"}
    assert from_environment(endpoint.parse(server), proxy) == "http://proxy.example:3128"
    assert from_environment(endpoint.parse(server), {**proxy, "NO_PROXY": rules}) is None


@pytest.mark.parametrize(
    "server", ["https://joe:hid/den@lens", "https://joe:hid#den@lens", "joe:hid den@lens"]
)
def test_a_password_that_makes_an_address_none_is_not_shown(server: str) -> None:
    with pytest.raises(ValueError, match="lens") as refused:
        endpoint.parse(server)
    assert "den" not in str(refused.value)


def test_an_address_needs_no_kubeconfig(lens: Operator, scene: Scene, tmp_path: Path) -> None:
    assert run("version", "--server", lens.url, HOME=str(tmp_path)).stdout == VERSIONS
    assert caller(lens, "--server", lens.url, "--token", TOKEN) == "jane"
    assert caller(lens, LENS_URL=lens.url, LENS_TOKEN=TOKEN) == "jane"
    (tmp_path / "token").write_text(TOKEN)
    assert caller(lens, LENS_URL=f"{lens.url}/", LENS_TOKEN_FILE=str(tmp_path / "token")) == "jane"


def test_who_has_rights_in_one_namespace_need_not_name_the_cluster(scene: Scene, lens: Operator) -> None:
    # Lens remembers for half a minute what a user may, so this has to be somebody else.
    scene.accounts.by_token["of-joe"] = Account("joe")
    scene.accounts.rights["joe"] = {Right("get", "lens", "realtime", "ml-team")}
    options = Options()
    options.server, options.token = lens.url, "of-joe"
    way = connect.find(options, {})
    assert way.lens().cluster == CLUSTER
    way.close()


def test_a_given_token_is_shown_to_lens_instead_of_the_kubeconfigs(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    scene.accounts.by_token["another"] = scene.accounts.by_token[TOKEN]
    path = scene.kubeconfig({"token": TOKEN})
    assert caller(lens, "--kubeconfig", path, LENS_TOKEN="another") == "jane"
    wrong = fails("version", "--kubeconfig", path, "--token", "two words", status=2)
    assert wrong == "--token has no token: one word of ASCII characters"


def test_where_pods_of_all_namespaces_may_not_be_listed_the_namespace_lens_is_looked_into(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    from lens_sim.objects.resources import PODS

    scene.https.forbid(PODS, but_in=["lens"])
    assert caller(lens, "--kubeconfig", scene.kubeconfig(tls=True)) == "jane"


def test_one_of_several_lenses_is_chosen_by_its_namespace(
    scene: Scene, lens: Operator, kubeconfig: Path
) -> None:
    scene.add_pod("other/lens-1", None, release="blue")
    scene.add_pod("other/lens-2", lens.address, release="green")
    refused = fails("version", "--kubeconfig", kubeconfig)
    assert refused == (
        "there are several Lenses (lens/lens, other/blue, other/green): choose one with --lens-namespace"
    )
    assert caller(lens, "--kubeconfig", kubeconfig, "--lens-namespace", "lens") == "jane"
    assert caller(lens, "--kubeconfig", kubeconfig, LENS_NAMESPACE="other/green") == "jane"


def test_a_pod_that_went_away_is_passed_over(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    for number in range(1, 6):
        scene.add_pod(f"lens/lens-gone-{number}", None)
    assert caller(lens, "--kubeconfig", kubeconfig) == "jane"


def test_no_token_is_sent_over_a_network_in_plain_text(scene: Scene) -> None:
    from lens_client.reach.identity import Identity
    from lens_client.reach.kubeconfig.entries import Cluster, User
    from lens_client.transport.endpoint import parse

    for server, sent in (
        ("http://127.0.0.1:1", True),
        ("http://apiserver.example", False),
        ("https://apiserver.example", True),
    ):
        identity = Identity(User("jane", token=TOKEN), Cluster("sim", server), {}, parse(server))
        assert bool(identity.headers()) is sent
