"""Each kind of credential gets the API's figures. A missing right is named as the apiserver checks it."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.control_plane import ControlPlane
from tests.e2e.kubectl_lens.kubectl import Kubectl
from tests.e2e.kubectl_lens.objects import FORWARD, account, right
from tests.e2e.lens import Lens
from tests.integration.watch import tls


def test_the_figures_are_the_apis_for_each_kind_of_credential(kubectl: Kubectl, lens: Lens) -> None:
    admin = kubectl.admin
    wanted = kubectl.total_gpus(admin)
    made = kubectl.token("lens-reader")
    kubectl.apply(
        *right("port-forward", FORWARD, "lens-reader"),
    )
    (kubectl.folder / "reader.token").write_text(made)
    plugin = kubectl.exec_plugin("login", {"token": made})
    for name, user in (
        ("by-token", {"token": made}),
        ("by-file", {"tokenFile": "reader.token"}),
        ("by-plugin", {"exec": plugin}),
    ):
        assert kubectl.total_gpus(kubectl.kubeconfig(name, user)) == wanted, name
    account = "system:serviceaccount:lens:lens-reader"
    assert kubectl.total_gpus(admin, "--as", account) == wanted
    assert kubectl.total_gpus(admin, "--service-account", "lens-reader") == wanted


@pytest.fixture
def guest(kubectl: Kubectl, lens: Lens) -> Iterator[Path]:
    """Give the kubeconfig of somebody without rights, who is gone afterwards with those that came."""
    kubectl.apply(account("guest"))
    yield kubectl.kubeconfig("guest", {"token": kubectl.token("guest")})
    objects = ("serviceaccount/guest", "role/guest", "rolebinding/guest")
    kubectl.run("-n", "lens", "delete", "--ignore-not-found", *objects)


def test_rights_that_are_missing_are_named_as_the_apiserver_checks_them(
    kubectl: Kubectl, guest: Path
) -> None:
    who = "system:serviceaccount:lens:guest"
    assert kubectl.run("lens", "status", kubeconfig=guest).stderr == (
        f"kubectl lens: {who} may not list pods in all namespaces: name Lens' namespace with "
        "--lens-namespace, or its address with --server\n"
    )
    pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    kubectl.apply(*right("guest", [pods], "guest"))
    assert kubectl.run("lens", "status", kubeconfig=guest).stderr == (
        f"kubectl lens: {who} may not get pods/portforward in namespace lens\n"
    )
    # Since Kubernetes 1.35 a WebSocket takes `create` too.
    forward = {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get"]}
    kubectl.apply(*right("guest", [pods, forward], "guest"))
    assert kubectl.run("lens", "status", kubeconfig=guest).stderr == (
        "kubectl lens: the kubeconfig's user 'guest' may not create pods/portforward in namespace lens\n"
    )
    forward["verbs"] = ["get", "create"]
    kubectl.apply(*right("guest", [pods, forward], "guest"))
    refused = kubectl.run("lens", "status", kubeconfig=guest)
    assert refused.returncode == 1
    assert "Lens in namespace lens: Forbidden: " in refused.stderr


def test_a_client_certificate_gets_a_service_accounts_token(
    kubectl: Kubectl, lens: Lens, control_plane: ControlPlane
) -> None:
    """Lens can't check a certificate, and the kubeconfig has no token."""
    authority, folder = tls.Pair(*control_plane.client_ca), kubectl.folder
    pair = asyncio.run(tls.certificate(folder, "developer", authority))
    files = {"client-certificate": pair.certificate.name, "client-key": pair.key.name}
    path = kubectl.kubeconfig("by-certificate", files)
    assert kubectl.run("lens", "status", kubeconfig=path).stderr == (
        "kubectl lens: developer may not list pods in all namespaces: name Lens' namespace with "
        "--lens-namespace, or its address with --server\n"
    )
    kubectl.apply(*right("developer", FORWARD, user="developer"))
    assert kubectl.run("lens", "status", kubeconfig=path).stderr == (
        "kubectl lens: Lens wants a token, the kubeconfig's user 'by-certificate' has none, and developer "
        "may not create serviceaccounts/token in namespace lens: give a token with --token, or LENS_TOKEN\n"
    )
    request = {
        "apiGroups": [""],
        "resources": ["serviceaccounts/token"],
        "resourceNames": ["lens-reader"],
        "verbs": ["create"],
    }
    kubectl.apply(*right("developer", [*FORWARD, request], user="developer"))
    wanted = kubectl.total_gpus(kubectl.admin)
    certificate, key = pair.certificate.read_text(), pair.key.read_text()
    data = {
        "client-certificate-data": b64encode(certificate.encode()).decode(),
        "client-key-data": b64encode(key.encode()).decode(),
    }
    handed_out = {"clientCertificateData": certificate, "clientKeyData": key}
    plugin = kubectl.exec_plugin("hand-out", handed_out)
    for name, user in (("files", files), ("data", data), ("plugin", {"exec": plugin})):
        assert kubectl.total_gpus(kubectl.kubeconfig(f"by-{name}", user)) == wanted, name
    other = "system:serviceaccount:lens:lens"
    assert kubectl.run("lens", "status", "--as", other, kubeconfig=path).stderr == (
        "kubectl lens: Lens wants a token of lens, and developer may not create serviceaccounts/token in "
        "namespace lens: give a token with --token, or LENS_TOKEN\n"
    )


def test_a_client_certificate_that_ran_out_is_named(
    kubectl: Kubectl, lens: Lens, control_plane: ControlPlane
) -> None:
    pair = asyncio.run(tls.run_out(kubectl.folder, "old", tls.Pair(*control_plane.client_ca)))
    old = kubectl.kubeconfig("ran-out", {"client-certificate": str(pair[0]), "client-key": str(pair[1])})
    assert kubectl.run("lens", "status", kubeconfig=old).stderr == (
        "kubectl lens: the apiserver doesn't accept the client certificate of the kubeconfig's user "
        "'ran-out': it has expired, or isn't valid\n"
    )


def test_an_expired_token_is_named(kubectl: Kubectl, lens: Lens) -> None:
    expired = kubectl.kubeconfig("expired", {"token": "expired"})
    assert kubectl.run("lens", "status", kubeconfig=expired).stderr == (
        "kubectl lens: the apiserver doesn't accept the token of the kubeconfig's user 'expired': it has "
        "expired, or isn't valid\n"
    )
