"""A bad object costs itself alone: it is counted as skipped, named once, and the rest is exact."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.watch import faults
from tests.integration.watch.faults import event, stream
from tests.integration.watch.objects import GPU, Object, node, pod
from tests.integration.watch.scene import Scene, on_each


def containers(resources: Any) -> Object:
    return {"spec": {"nodeName": "node-1", "containers": [{"name": "main", "resources": resources}]}}


def named(name: str, **metadata: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "team"} | metadata}


UNREADABLE: dict[str, Object] = {
    "garbage for a quantity": pod("bad", on="node-1", gpus="four"),
    "an empty quantity": pod("bad", on="node-1", gpus=""),
    "a negative quantity": pod("bad", on="node-1", gpus=-2),
    "a quantity that is null": pod("bad", on="node-1") | containers({"limits": {GPU: None}}),
    "a quantity that is a list": pod("bad", on="node-1") | containers({"limits": {GPU: ["1"]}}),
    "resources that are text": pod("bad", on="node-1") | containers("lots"),
    "containers that are no list": pod("bad") | {"spec": {"nodeName": "node-1", "containers": "one"}},
    "a node name that is a number": pod("bad") | {"spec": {"nodeName": 7, "containers": []}},
    "a status that is text": pod("bad", on="node-1") | {"status": "fine"},
    "a spec that is null": pod("bad") | {"spec": None},
}

ODD: dict[str, Object] = {
    "labels that are numbers": pod("bad", on="node-1") | named("bad", labels={"tier": 1}),
    "owners that are no list": pod("bad", on="node-1") | named("bad", ownerReferences={"kind": "Job"}),
    "a deletion time that is no text": pod("bad", on="node-1") | named("bad", deletionTimestamp=[]),
}


def skipped_now(scene: Scene, resource: str = "pods") -> float:
    return scene.metric("lens_skipped_objects", resource=resource)


async def test_an_undecodable_pod_affects_no_other(tmp_path: Path) -> None:
    await on_each(tmp_path, UNREADABLE, a_pod_cant_be_read)


async def a_pod_cant_be_read(scene: Scene, bad: Object) -> None:
    scene.put_pod(bad)
    scene.watch()
    await scene.until_exact(without={"bad"})
    assert skipped_now(scene) == 1
    scene.put_pod(pod("bad", on="node-1", gpus=2))
    await scene.until_exact()
    assert skipped_now(scene) == 0


async def test_a_pod_that_can_be_read_in_part_holds_its_gpus(tmp_path: Path) -> None:
    await on_each(tmp_path, ODD, a_pod_can_be_read_in_part)


async def a_pod_can_be_read_in_part(scene: Scene, odd: Object) -> None:
    def held() -> list[int]:
        occupied = scene.state.current.snapshot.nodes.get("node-1")
        return [each.gpus for each in occupied.pods if each.name == "bad"] if occupied else []

    scene.put_pod(odd)
    scene.watch()
    await scene.until(lambda: (held(), skipped_now(scene)) == ([1], 1), "the odd pod")
    scene.put_pod(pod("bad", on="node-1", gpus=2))
    await scene.until_exact()
    assert (held(), skipped_now(scene)) == ([2], 0)


async def test_an_undecodable_pod_is_counted_and_logged_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.put_pod(pod("bad", on="node-1", gpus="four"))
    scene.watch()
    await scene.until_exact(without={"bad"})
    scene.put_pod(pod("bad", on="node-1", gpus="five"))
    scene.front.script("watch pods", faults.status(410))
    scene.front.cut("watch pods")
    await scene.until_listed("pods", 2)
    assert skipped_now(scene) == 1
    assert scene.metric("lens_objects_skipped_total", resource="pods") == 1
    assert scene.metric("lens_list_drift_total", resource="pods") == 0
    named_in_the_log = [record.__dict__.get("object") for record in caplog.records]
    assert named_in_the_log.count("team/bad") == 1


async def test_a_pod_counts_only_while_it_can_be_decoded(scene: Scene) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("pod-0", on="node-0", gpus="some"))
    await scene.until_exact(without={"pod-0"})
    assert skipped_now(scene) == 1
    scene.put_pod(pod("pod-0", on="node-0", gpus=3))
    await scene.until_exact()
    assert skipped_now(scene) == 0
    scene.put_pod(pod("pod-0", on="node-0", gpus="some"))
    await scene.until(lambda: skipped_now(scene) == 1, "a bad pod again")
    scene.delete_pod("pod-0")
    await scene.until(lambda: skipped_now(scene) == 0, "no bad pod")
    await scene.until_exact()


async def test_an_undecodable_pod_that_is_gone_is_no_longer_counted_as_skipped(scene: Scene) -> None:
    scene.put_pod(pod("bad", on="node-1", gpus="some"))
    scene.watch()
    await scene.until_exact(without={"bad"})
    await scene.front.stop()
    scene.delete_pod("bad")
    scene.store.compact()
    await scene.front.start()
    await scene.until(lambda: skipped_now(scene) == 0, "no bad pod")
    await scene.until_exact()


async def test_an_undecodable_node_affects_no_other(tmp_path: Path) -> None:
    await on_each(
        tmp_path, {repr(gpus): gpus for gpus in ("four", "-8", "", None, {"of": 8})}, a_node_cant_be_read
    )


async def a_node_cant_be_read(scene: Scene, gpus: object) -> None:
    scene.put_node(node("bad-node", gpus=gpus))
    scene.watch()
    await scene.until_exact(without={"bad-node"})
    assert skipped_now(scene, "nodes") == 1
    assert scene.metric("lens_objects_skipped_total", resource="nodes") == 1
    scene.put_node(node("bad-node", gpus=4))
    await scene.until_exact()
    assert skipped_now(scene, "nodes") == 0


async def test_fractions_and_plain_numbers_count_as_the_scheduler_counts_them(scene: Scene) -> None:
    scene.put_node(node("odd-node", gpus="7500m"))
    scene.put_pod(pod("half", on="odd-node", gpus="500m"))
    scene.put_pod(pod("number", on="odd-node") | containers_of_a_number(2))
    scene.watch()
    await scene.until_exact()
    assert skipped_now(scene) == 0


def containers_of_a_number(gpus: int) -> Object:
    limits = {"limits": {GPU: gpus}}
    return {"spec": {"nodeName": "odd-node", "containers": [{"name": "main", "resources": limits}]}}


async def test_missing_and_null_fields_are_none(scene: Scene) -> None:
    for number, without in enumerate(("resources", "limits")):
        each: Object = {"name": "main", "resources": {"limits": None, "requests": None}}
        if without == "resources":
            each["resources"] = None
        scene.put_pod(pod(f"none-{number}") | {"spec": {"nodeName": "node-1", "containers": [each]}})
    scene.put_pod(pod("no-status", on="node-1") | {"status": {}})
    scene.put_pod(pod("no-labels", on="node-2") | named("no-labels", labels=None, ownerReferences=None))
    scene.put_node(node("bare") | {"spec": {}, "status": {"capacity": {}}})
    scene.put_node(node("nulls", spec={"taints": None, "unschedulable": None}))
    scene.watch()
    await scene.until_exact()
    assert skipped_now(scene) == skipped_now(scene, "nodes") == 0


@pytest.mark.parametrize("metadata", [None, {}, {"name": None}, {"name": 7, "resourceVersion": "9"}, "pod-1"])
async def test_an_object_without_a_name_affects_no_other(scene: Scene, metadata: object) -> None:
    nameless = {"metadata": metadata, "spec": {}, "status": {}}
    scene.front.script("list pods", faults.rewritten(lambda page: page["items"].insert(1, nameless)))
    scene.front.script("watch pods", stream(event("ADDED", nameless), event("DELETED", nameless)))
    scene.watch()
    await scene.until(lambda: scene.front.scripted == 0, "both faults met")
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()
    assert scene.metric("lens_objects_skipped_total", resource="pods") == 3
    assert scene.restarts == 0


async def test_a_pod_with_a_megabyte_of_annotations_is_counted(scene: Scene) -> None:
    huge = {"note": "x" * 1_500_000}
    scene.put_pod(pod("listed", on="node-1") | named("listed", annotations=huge))
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("watched", on="node-2", gpus=2) | named("watched", annotations=huge))
    scene.put_node(node("huge") | {"metadata": {"name": "huge", "annotations": huge}})
    await scene.until_exact()
    scene.delete_pod("watched")
    await scene.until_exact()
    assert scene.metric("lens_objects_skipped_total", resource="pods") == 0


async def test_after_a_line_that_is_too_long_the_watch_resumes(scene: Scene) -> None:
    flood = [b'{"type":"ADDED","object":{"metadata":{"name":"', *[b"x" * 1_000_000] * 34]
    scene.front.script("watch pods", stream(*flood, then=faults.hang))
    scene.watch()
    await scene.until_exact()
    await scene.until(lambda: scene.front.seen("watch pods") == 2, "another watch")
    scene.put_pod(pod("after", on="node-1"))
    await scene.until_exact()
    assert scene.restarts == 0
