"""Certificates that rotate while many requests need them.

OpenSSL crashes where two threads change one context.
"""

import asyncio
import json
import ssl
from pathlib import Path

from lens.kube.client.kubeconfig import Connection
from tests.integration.watch import tls
from tests.integration.watch.scene import write

ROTATIONS = 60
REQUESTS = 12


async def test_a_certificate_rotates_while_many_requests_are_authorized(tmp_path: Path) -> None:
    authority = await tls.authority(tmp_path, "ca")
    client = await tls.certificate(tmp_path, "client", authority)
    kubeconfig = tmp_path / "kubeconfig"
    user = {"client-certificate": str(client.certificate), "client-key": str(client.key), "token": "a-token"}
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority": str(authority.certificate)}
    content = {
        "current-context": "sim",
        "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "lens"}}],
        "clusters": [{"name": "sim", "cluster": cluster}],
        "users": [{"name": "lens", "user": user}],
    }
    kubeconfig.write_text(json.dumps(content))
    connection = Connection(kubeconfig)
    await asyncio.to_thread(connection.load)
    context = connection.tls()
    certificate = client.certificate.read_text()

    async def connect_until_done() -> None:
        while True:
            # What a new connection does first, in the loop.
            context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="127.0.0.1")
            await asyncio.sleep(0)

    connecting = asyncio.create_task(connect_until_done())
    for _ in range(ROTATIONS):
        write(client.certificate, certificate)
        headers = await asyncio.gather(
            *(asyncio.to_thread(connection.authorization) for _ in range(REQUESTS))
        )
        assert headers == ["Bearer a-token"] * REQUESTS
        assert not connecting.done()
    connecting.cancel()
