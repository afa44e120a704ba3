"""An etcd that was restored from a backup, so that versions go backwards, is believed within seconds."""

import pytest

from lens.kube.watch.kopf_settings import Timeouts
from tests.integration.watch import faults
from tests.integration.watch.objects import node, pod
from tests.integration.watch.scene import Scene


async def until_far_ahead(scene: Scene) -> int:
    """Watch, change much, and return the version from before it all."""
    scene.watch()
    await scene.until_exact()
    backup = scene.store.version
    scene.delete_pod("pod-0")
    scene.delete_node("node-2")
    for number in range(20):
        scene.put_pod(pod(f"lost-{number}", on=f"node-{number % 2}"))
    await scene.until_exact()
    return backup


@pytest.mark.slow
async def test_silent_watches_from_a_future_version_cause_a_list(scene: Scene) -> None:
    """The apiserver answers it with 200 and nothing, until the old versions are passed again."""
    backup = await until_far_ahead(scene)
    scene.front.watch_seconds = 1
    await scene.sim.stop()
    scene.store.rewind(backup)
    await scene.sim.start()
    await scene.until_exact()
    # pod-0 and node-2 are there again, and nobody is there whom only the future knew.
    assert scene.metric("lens_list_drift_total", resource="pods") == 21
    assert scene.metric("lens_list_drift_total", resource="nodes") == 1
    assert scene.restarts == 0
    # All that is said from here on has versions that were there before.
    scene.put_pod(pod("new", on="node-1"))
    scene.put_node(node("node-1", gpus=4))
    scene.delete_pod("pod-1")
    await scene.until_exact()


async def test_a_restored_etcd_with_newer_versions_is_detected(scene: Scene) -> None:
    """Nothing is silent then: watches from the lost future go on with the new one."""
    backup = await until_far_ahead(scene)
    lost = scene.store.version
    await scene.sim.stop()
    kinds = ("watch pods", "watch nodes")
    before = [scene.front.seen(kind) for kind in kinds]
    await scene.until(
        lambda: all(scene.front.seen(kind) > seen for kind, seen in zip(kinds, before, strict=True)),
        "watches in vain",
    )
    scene.store.rewind(backup)
    while scene.store.version <= lost:
        scene.put_pod(pod(f"new-{scene.store.version}", on="node-2"))
    await scene.sim.start()
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_list_with_a_lower_version_is_applied(scene: Scene) -> None:
    backup = await until_far_ahead(scene)
    for kind in ("watch pods", "watch nodes"):
        scene.front.script(kind, faults.status(410))
    await scene.front.stop()
    scene.store.rewind(backup)
    await scene.front.start()
    await scene.until_exact()
    scene.put_pod(pod("new", on="node-1"))
    await scene.until_exact()
    assert scene.front.seen("list pods") == 2
    assert scene.restarts == 0


async def test_a_restore_during_a_list_does_not_mix_two_histories(scene: Scene) -> None:
    backup = await until_far_ahead(scene)
    scene.front.page_size = 4
    scene.front.script("watch pods", faults.status(410))
    scene.front.script("page pods", faults.after(lambda: scene.store.rewind(backup)))
    scene.front.watch_seconds = 1
    scene.front.cut("")
    await scene.until_exact()
    scene.put_pod(pod("new", on="node-1"))
    await scene.until_exact()


async def test_an_endless_silent_watch_causes_a_list(scene: Scene) -> None:
    scene.front.always("watch pods", faults.endless_silence)
    scene.watch(timeouts=Timeouts(silence=0.5))
    await scene.until_exact()
    scene.put_pod(pod("unheard", on="node-1"))
    await scene.until_exact()
    assert scene.front.seen("list pods") == 2
    assert scene.restarts == 0


async def test_a_quiet_cluster_does_not_look_like_a_restored_one(scene: Scene) -> None:
    scene.front.watch_seconds = 1
    scene.watch()
    await scene.until_exact()
    await scene.until(lambda: scene.front.seen("watch pods") >= 5, "five watches")
    assert scene.front.seen("list pods") == 1
