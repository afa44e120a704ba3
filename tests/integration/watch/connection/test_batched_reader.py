"""A busy watch is read in batches; none of it may be left behind, be it as plain bytes or as TLS records."""

import asyncio

import pytest

from lens.kube.client.kubeconfig import Connection
from tests.integration.watch import tls
from tests.integration.watch.objects import pod
from tests.integration.watch.scene import Scene

LINES = 300
WEIGHT = {"weight": "x" * 9_000}
"""Lines of 9 KB end in the middle of a record of 16 KB as often as not."""


async def burst(scene: Scene) -> None:
    """Change a pod faster than the watch is read, for two seconds."""
    for number in range(LINES):
        metadata = {"name": "busy", "namespace": "team", "annotations": WEIGHT | {"number": str(number)}}
        scene.put_pod(pod("busy", on="node-1", gpus=1 + number % 4, metadata=metadata))
        await asyncio.sleep(2 / LINES)


async def keeps_up(scene: Scene) -> None:
    await scene.until_exact()
    await burst(scene)
    scene.put_pod(pod("last", on="node-0"))
    # A reader that gets stuck goes on only with the next watch, up to 25 s later.
    await scene.until_exact(seconds=5)
    assert scene.metric("lens_watch_lines_total", resource="pods", outcome="changed") >= LINES


async def test_lens_keeps_up_with_a_busy_watch(scene: Scene) -> None:
    scene.watch()
    await keeps_up(scene)


async def test_lens_keeps_up_with_a_busy_watch_over_tls(scene: Scene) -> None:
    authority = await tls.authority(scene.folder, "ca")
    await scene.front.stop()
    await scene.front.start(await tls.server(scene.folder, "server", authority))
    cluster = {"certificate-authority": str(authority.certificate)}
    scene.watch(Connection(scene.kubeconfig(None, cluster)))
    await keeps_up(scene)


@pytest.mark.parametrize("kilobytes", [1, 40, 1500])
async def test_lines_of_any_length_are_complete_after_a_batched_read(scene: Scene, kilobytes: int) -> None:
    scene.watch()
    await scene.until_exact()
    for number in range(6):
        metadata = {"name": "long", "namespace": "team", "annotations": {"weight": "x" * 1000 * kilobytes}}
        scene.put_pod(pod("long", on="node-1", gpus=1 + number, metadata=metadata))
    await scene.until_exact(seconds=5)
