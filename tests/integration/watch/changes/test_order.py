"""Nothing that comes late, twice or not at all leaves a trace in the figures."""

import asyncio
import json

import pytest

from lens_sim.objects.resources import PODS
from tests.integration.watch import faults
from tests.integration.watch.faults import event, stream
from tests.integration.watch.objects import node, pod
from tests.integration.watch.scene import Scene


def line(scene: Scene, type_: str, name: str) -> bytes:
    """Return a watch's line on a pod as it is now."""
    revision = scene.store.revision(PODS, f"team/{name}")
    assert revision is not None
    return event(type_, json.loads(revision.body))


async def test_a_late_line_does_not_restore_a_deleted_object(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("short", on="node-1", gpus=2))
    past = line(scene, "ADDED", "short")
    scene.put_pod(pod("short", on="node-1", gpus=2, phase="Pending"))
    past += line(scene, "MODIFIED", "short")
    await scene.until_exact()
    scene.delete_pod("short")
    await scene.until_exact()
    late = scene.metric("lens_watch_lines_total", resource="pods", outcome="late")
    scene.front.script("watch pods", stream(past, past))
    scene.front.cut("watch pods")
    await scene.until(
        lambda: scene.metric("lens_watch_lines_total", resource="pods", outcome="late") == late + 4,
        "four late lines",
    )
    scene.put_pod(pod("next", on="node-2"))
    await scene.until_exact()
    assert scene.metric("lens_lists_total", resource="pods") == 1


@pytest.mark.slow
async def test_a_watch_goes_on_after_the_last_line_of_the_one_before(scene: Scene) -> None:
    scene.front.watch_seconds = 1
    scene.watch()
    await scene.until_exact()
    number = 0
    while scene.front.seen("watch pods") < 4:
        scene.put_pod(pod("busy", on="node-1", gpus=1 + number % 4))
        number += 1
        await asyncio.sleep(0.02)
    await scene.until_exact()
    assert scene.metric("lens_lists_total", resource="pods") == 1
    assert scene.metric("lens_watch_lines_total", resource="pods", outcome="late") == 0


async def test_a_late_line_does_not_restore_an_old_state(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("moving", on="node-1", gpus=1))
    past = line(scene, "ADDED", "moving")
    scene.put_pod(pod("moving", on="node-1", gpus=4))
    await scene.until_exact()
    scene.front.script("watch pods", stream(past, then=faults.reset))
    scene.front.cut("watch pods")
    scene.put_pod(pod("next", on="node-2"))
    await scene.until(lambda: scene.front.scripted == 0, "the past told again")
    await scene.until_exact()


async def test_a_finished_pod_frees_its_gpus_although_its_last_line_says_running(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    for name, phase in (("pod-0", "Succeeded"), ("pod-1", "Failed")):
        scene.put_pod(pod(name, on=f"node-{name[-1]}", gpus=2, phase=phase))
    await scene.until_exact()
    assert scene.state.current.snapshot.running_tasks == 4
    assert scene.metric("lens_lists_total", resource="pods") == 1


async def test_missed_deletions_are_found_by_the_next_list(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    await scene.front.stop()
    scene.delete_pod("pod-0")
    scene.delete_pod("pod-1")
    scene.put_pod(pod("unseen", on="node-2", gpus=2))
    scene.delete_node("node-1")
    scene.store.compact()
    await scene.front.start()
    await scene.until_exact()
    assert scene.metric("lens_list_drift_total", resource="pods") == 3
    assert scene.metric("lens_list_drift_total", resource="nodes") == 1
    assert scene.restarts == 0


async def test_a_list_that_agrees_with_the_watch_is_no_drift(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("told", on="node-1"))
    scene.delete_node("node-2")
    await scene.until_exact()
    for kind in ("watch pods", "watch nodes"):
        scene.front.script(kind, faults.status(410))
        scene.front.cut(kind)
    for resource in ("pods", "nodes"):
        await scene.until_listed(resource, 2)
        assert scene.metric("lens_list_drift_total", resource=resource) == 0
    await scene.until_exact()


async def test_a_recreated_pod_replaces_the_old_one(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    await scene.front.stop()
    scene.delete_pod("pod-0")
    scene.put_pod(pod("pod-0", on="node-2", gpus=5))
    scene.store.compact()
    await scene.front.start()
    await scene.until_exact()
    scene.delete_pod("pod-0")
    await scene.until_exact()


async def test_pods_of_a_deleted_node_return_with_it(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    scene.delete_node("node-0")
    await scene.until_exact()
    scene.put_node(node("node-0", gpus=2))
    await scene.until_exact()
