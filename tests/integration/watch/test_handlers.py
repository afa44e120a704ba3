"""kopf's handlers see a GPU object come and go, slimmed; their failures cost no count."""

import logging
from collections.abc import Iterator

import pytest

from tests.integration.watch import faults
from tests.integration.watch.objects import node, pod
from tests.integration.watch.scene import Scene

HANDLERS = logging.getLogger("lens.kube.watch.kopf_settings")


class Ear(logging.Handler):
    """Hears what the handlers were called with; makes them fail if it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str]] = []
        self.failing = False

    def emit(self, record: logging.LogRecord) -> None:
        called = record.__dict__
        self.heard.append((called["change"], called.get("pod") or called["node"]))
        if self.failing:
            raise RuntimeError("a handler fails")


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Return an ear at the handlers' log."""
    ear, level = Ear(), HANDLERS.level
    HANDLERS.addHandler(ear)
    HANDLERS.setLevel(logging.DEBUG)
    try:
        yield ear
    finally:
        HANDLERS.removeHandler(ear)
        HANDLERS.setLevel(level)


async def until_heard(scene: Scene, ear: Ear, *changes: tuple[str, str]) -> None:
    await scene.until(lambda: len(ear.heard) >= len(changes), f"{len(changes)} calls, not {ear.heard}")
    assert sorted(ear.heard) == sorted(changes)
    ear.heard.clear()


async def test_gpu_objects_that_come_and_go_reach_the_handlers_and_noise_does_not(
    scene: Scene, ear: Ear
) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_node(node("node-0", metadata={"name": "node-0", "annotations": {"heartbeat": "1"}}))
    scene.put_pod(pod("no-gpu", on="node-1", gpus=0))
    scene.put_pod(pod("new", on="node-1"))
    scene.put_node(node("new"))
    await until_heard(scene, ear, ("MODIFIED", "team/new"), ("MODIFIED", "new"))
    # What handlers have seen already, or a list has shown, is no news to them however it changes.
    scene.put_pod(pod("new", on="node-1", gpus=2))
    scene.put_pod(pod("pod-0", on="node-0", gpus=2))
    scene.put_node(node("node-1", gpus=4))
    await scene.until_exact()
    scene.delete_pod("new")
    scene.delete_pod("no-gpu")
    scene.delete_node("node-2")
    await until_heard(scene, ear, ("DELETED", "team/new"), ("DELETED", "node-2"))
    await scene.until_exact()


async def test_handlers_that_fail_cost_no_count(scene: Scene, ear: Ear) -> None:
    ear.failing = True
    scene.watch()
    await scene.until_exact()
    for number in range(5):
        scene.put_pod(pod("again", on="node-1", gpus=number + 1))
        scene.put_node(node("node-0", gpus=number))
        await scene.until_exact()
    scene.delete_pod("again")
    await scene.until_exact()
    assert ear.heard
    assert scene.restarts == 0


async def test_kopf_hears_of_the_end_of_what_a_list_found_gone(scene: Scene, ear: Ear) -> None:
    """It keeps kilobytes for each object that it was shown until it is shown its end."""
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("shown", on="node-1"))
    scene.put_node(node("shown-node"))
    await until_heard(scene, ear, ("MODIFIED", "team/shown"), ("MODIFIED", "shown-node"))
    await scene.front.stop()
    scene.delete_pod("shown")
    scene.delete_node("shown-node")
    scene.delete_pod("pod-0")
    scene.store.compact()
    await scene.front.start()
    await until_heard(scene, ear, ("DELETED", "team/shown"), ("DELETED", "shown-node"))
    await scene.until_exact()


async def test_kopf_hears_of_the_end_of_one_whose_name_another_took_over(scene: Scene, ear: Ear) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("twice", on="node-1"))
    await until_heard(scene, ear, ("MODIFIED", "team/twice"))
    await scene.front.stop()
    scene.delete_pod("twice")
    scene.put_pod(pod("twice", on="node-1"))
    scene.store.compact()
    await scene.front.start()
    await scene.until_listed("pods", 2)
    scene.put_pod(pod("twice", on="node-1", gpus=2))
    await until_heard(scene, ear, ("DELETED", "team/twice"), ("MODIFIED", "team/twice"))


async def test_an_object_that_turned_unreadable_has_ended_for_the_handlers(scene: Scene, ear: Ear) -> None:
    scene.watch()
    await scene.until_exact()
    scene.put_pod(pod("pod-0", on="node-0", gpus="some"))
    await until_heard(scene, ear, ("DELETED", "team/pod-0"))
    scene.put_pod(pod("pod-0", on="node-0"))
    await until_heard(scene, ear, ("MODIFIED", "team/pod-0"))


async def test_nothing_is_ever_written_to_the_cluster(scene: Scene, ear: Ear) -> None:
    ear.failing = True
    scene.front.script("watch pods", faults.status(410), faults.reset)
    scene.watch()
    await scene.until(lambda: scene.front.scripted == 0, "both faults met")
    await scene.until(lambda: scene.front.open("watch pods") == 1, "a sound watch")
    for number in range(3):
        scene.put_pod(pod(f"new-{number}", on="node-1", gpus=number + 1))
        scene.put_node(node("node-1", gpus=number))
        await scene.until_exact()
    await scene.until(lambda: len(ear.heard) > 1, "calls of handlers")
    assert {request.method for request in scene.front.requests} == {"GET"}
    assert {request.kind for request in scene.front.requests} <= {
        "/api",
        "/api/v1",
        "/apis",
        "list pods",
        "list nodes",
        "watch pods",
        "watch nodes",
    }
