"""Authorities without key identifiers or usages, as old clusters of Amazon EKS and MicroK8s have them.

By default Python refuses them since 3.13.
"""

import ssl
from typing import Any

import pytest

from lens.files.credentials import TrustedCa
from lens.http_client import HttpClient, RequestFailedError, request_errors
from lens.kube.client.kubeconfig import Connection
from lens_client.transport import tls as client_tls
from tests.integration.watch import tls
from tests.integration.watch.scene import Scene


@pytest.fixture(autouse=True)
def _python_3_13(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every Python make the contexts of 3.13."""
    make = ssl.create_default_context

    def made(*args: Any, **options: Any) -> ssl.SSLContext:
        context = make(*args, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    monkeypatch.setattr(ssl, "create_default_context", made)


@pytest.fixture
async def ca(scene: Scene) -> tls.Pair:
    """Return the authority of the scene's server, which has no key identifiers."""
    authority = await tls.authority(scene.folder, "eks", key_ids=False)
    await scene.front.stop()
    await scene.front.start(await tls.server(scene.folder, "server", authority, key_ids=False))
    return authority


async def status(scene: Scene, context: ssl.SSLContext | None) -> int:
    """Return what the server answers to a request without a token."""
    client, url = HttpClient(), f"{scene.front.url}/api"
    try:
        async with request_errors(10.0), await client.send(url, {}, tls=context) as answer:
            return answer.status
    finally:
        await client.close()


async def test_the_apiserver_is_watched(scene: Scene, ca: tls.Pair) -> None:
    scene.watch(Connection(scene.kubeconfig(None, {"certificate-authority": str(ca.certificate)})))
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_ca_of_a_file_is_trusted_and_no_other_one(scene: Scene, ca: tls.Pair) -> None:
    assert await status(scene, TrustedCa(ca.certificate).context()) == 401
    other = await tls.authority(scene.folder, "other", key_ids=False)
    with pytest.raises(RequestFailedError, match="TLS: "):
        await status(scene, TrustedCa(other.certificate).context())


async def test_a_ca_of_the_system_is_trusted(
    scene: Scene, ca: tls.Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.certificate))
    assert await status(scene, None) == 401
    assert await status(scene, client_tls.context()) == 401
