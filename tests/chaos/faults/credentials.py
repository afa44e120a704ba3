"""Faults of what Lens and the apiserver know each other by."""

import asyncio
from collections.abc import AsyncIterator

from tests.chaos.fault import fault
from tests.chaos.interferences import OldToken, Refuse
from tests.chaos.scene import BINDING, RBAC, Scene, binding, self_signed


@fault()
async def requests_401(scene: Scene) -> AsyncIterator[None]:
    """The apiserver accepts no token."""
    async with scene.gateway.with_(Refuse(401, "Unauthorized")):
        yield


@fault()
async def requests_403(scene: Scene) -> AsyncIterator[None]:
    """The apiserver forbids everything."""
    async with scene.gateway.with_(Refuse(403, "Forbidden")):
        yield


@fault()
async def token_rotated(scene: Scene) -> AsyncIterator[None]:
    """The token expires, and the new one comes later."""
    old = scene.token_file.read_text().strip()
    async with scene.gateway.with_(OldToken(old)):
        yield
        await scene.api.rotate_token("lens", "lens", scene.token_file)


@fault()
async def ca_rotated(scene: Scene) -> AsyncIterator[None]:
    """The apiserver has a certificate of another CA, which the kubeconfig names later."""
    certificate, key = await asyncio.to_thread(self_signed, scene.folder, "rotated")
    scene.gateway.context.load_cert_chain(certificate, key)
    scene.gateway.reset()
    yield
    both = f"{scene.api.access.ca}\n{certificate.read_text()}"
    scene.write_kubeconfig(both)


@fault(seconds=8)
async def rights_taken(scene: Scene) -> AsyncIterator[None]:
    """Lens' rights are taken away, and given back."""
    own = await binding(scene.api)
    await scene.api.delete(BINDING)
    scene.gateway.reset()
    yield
    await scene.api.create(f"{RBAC}/clusterrolebindings", own)
