"""The placement of shared units that telemetry reports reaches the figures, whenever it comes."""

from lens.model.inventory.occupancy.placement import NO_PLACEMENT, DevicePlacement, Placement
from tests.integration.watch.objects import GPU, node, pod
from tests.integration.watch.scene import Scene

LABELS = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.count": "2"}
APART = Placement(
    instances={},
    pods={
        "team/a": (DevicePlacement(GPU, "GPU-0::0", "GPU-0"),),
        "team/b": (DevicePlacement(GPU, "GPU-1::0", "GPU-1"),),
    },
)


def figures(scene: Scene) -> tuple[int, int, bool] | None:
    """Return total and allocated GPUs, and whether they are approximate; None while the node isn't there."""
    occupied = scene.state.current.snapshot.nodes.get("sliced")
    if occupied is None or not scene.state.current.synced:
        return None
    return occupied.states.total, occupied.states.allocated, occupied.approximate


async def test_a_placement_is_published_while_the_watch_is_quiet(scene: Scene) -> None:
    scene.put_node(node("sliced", metadata={"name": "sliced", "labels": LABELS}))
    scene.put_pod(pod("a", on="sliced"))
    scene.put_pod(pod("b", on="sliced"))
    watcher = scene.watch()
    await scene.until(lambda: figures(scene) == (2, 1, True), "the least number")

    watcher.put_placements({"sliced": APART})
    await scene.until(lambda: figures(scene) == (2, 2, False), "the exact number", seconds=5)

    watcher.put_placements({"sliced": NO_PLACEMENT})
    await scene.until(lambda: figures(scene) == (2, 1, True), "the least number again", seconds=5)


async def test_a_placement_from_before_the_first_watch_is_not_lost(scene: Scene) -> None:
    scene.put_node(node("sliced", metadata={"name": "sliced", "labels": LABELS}))
    scene.put_pod(pod("a", on="sliced"))
    scene.put_pod(pod("b", on="sliced"))
    scene.watch().put_placements({"sliced": APART})
    await scene.until(lambda: figures(scene) == (2, 2, False), "the exact number")
