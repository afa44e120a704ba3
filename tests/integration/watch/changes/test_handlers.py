"""kopf watches, and gets no object: it writes nothing, and queues nothing."""

import json
import logging

import pytest

from lens.kube.watch.resources import fit_resources
from tests.integration.watch import faults
from tests.integration.watch.objects import node, pod
from tests.integration.watch.reflecting import pods_reflector
from tests.integration.watch.scene import Scene

HANDLERS = "lens.kube.watch.kopf_settings"


async def test_no_object_reaches_kopf(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("new", on="node-1"))
    scene.put_node(node("new"))
    await scene.until_exact()
    scene.put_pod(pod("new", on="node-1", gpus=2))
    scene.put_node(node("node-1", gpus=4))
    await scene.until_exact()
    scene.delete_pod("new")
    scene.delete_node("node-2")
    await scene.until_exact()
    assert [record for record in caplog.records if record.name == HANDLERS] == []
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []
    assert scene.restarts == 0


def test_a_change_of_a_known_object_is_published_as_soon_as_a_new_object() -> None:
    changes: list[bool] = []
    seen: list[bool] = []
    reflector = pods_reflector(on_progress=changes.append)
    reflector.apply_page(b'{"metadata":{"resourceVersion":"1"},"items":[]}', first=True)
    for version, (type_, gpus) in enumerate(
        [("ADDED", 1), ("MODIFIED", 2), ("MODIFIED", 2), ("DELETED", 2)], 2
    ):
        obj = pod("one", on="node-0", gpus=gpus)
        obj["metadata"]["resourceVersion"] = str(version)
        reflector.apply_lines([json.dumps({"type": type_, "object": obj}).encode()])
        seen.append(reflector.changes > 0)
    assert changes == [True, *seen]
    assert seen == [True, True, False, True]


async def test_nothing_is_ever_written_to_the_cluster(scene: Scene) -> None:
    scene.front.script("watch pods", faults.status(410), faults.reset)
    scene.watch()
    await scene.until(lambda: scene.front.scripted == 0, "both faults met")
    await scene.until(lambda: scene.front.open("watch pods") == 1, "a sound watch")
    for number in range(3):
        scene.put_pod(pod(f"new-{number}", on="node-1", gpus=number + 1))
        scene.put_node(node("node-1", gpus=number))
        await scene.until_exact()
    assert {request.method for request in scene.front.requests} == {"GET"}
    assert {request.kind for request in scene.front.requests} <= {
        "/api",
        "/api/v1",
        "/apis",
        "/apis/resource.k8s.io",
        "/apis/node.k8s.io/v1",
        "/apis/policy/v1",
        "/apis/scheduling.k8s.io/v1",
        *(each.path for each in fit_resources.ALL),
        "list pods",
        "list nodes",
        "watch pods",
        "watch nodes",
    }
