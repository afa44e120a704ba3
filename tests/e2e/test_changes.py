"""What happens in a cluster shows, exactly and soon."""

from typing import Any

from tests.e2e.agreement import agree
from tests.e2e.cluster import fleet
from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.lens import Lens


def _bare_tasks(status_pods: list[Manifest], count: int) -> list[Manifest]:
    """Return running pods that hold GPUs and that nobody would replace."""
    chosen = [
        pod
        for pod in status_pods
        if pod["metadata"]["name"].startswith("task-")
        and pod["status"].get("phase") == "Running"
        and not pod["metadata"].get("deletionTimestamp")
        and any("gpu" in name for name in pod["spec"]["containers"][0]["resources"].get("limits", {}))
    ]
    assert len(chosen) >= count
    return chosen[:count]


async def test_pods_that_complete_or_fail_hold_nothing_any_more(api: Api, lens: Lens) -> None:
    for index, pod in enumerate(_bare_tasks(await api.pods(), 40)):
        meta = pod["metadata"]
        await api.finish_pod(meta["namespace"], meta["name"], "Failed" if index % 4 == 0 else "Succeeded")
    await agree(api, lens, "40 pods had completed or failed")


async def test_pods_that_are_deleted_or_evicted_are_gone(api: Api, lens: Lens) -> None:
    for index, pod in enumerate(_bare_tasks(await api.pods(), 40)):
        meta = pod["metadata"]
        if index % 2:
            await api.evict_pod(meta["namespace"], meta["name"])
        else:
            await api.delete_pod(meta["namespace"], meta["name"], grace_seconds=0)
    await agree(api, lens, "40 pods had been deleted or evicted")


async def test_a_cordoned_nodes_free_gpus_are_unavailable_until_it_is_uncordoned(
    api: Api, lens: Lens
) -> None:
    node = await _roomy_node(lens)
    before = (await lens.status())["gpu_states"]["unavailable"]
    await api.cordon(node["node_name"])
    await agree(api, lens, "a cordon")
    assert (await lens.status())["gpu_states"]["unavailable"] >= before + node["available_gpus"]
    await api.cordon(node["node_name"], unschedulable=False)
    await agree(api, lens, "the cordon was lifted")


async def test_a_node_whose_kubelet_falls_silent_takes_no_gpu_pods(api: Api, lens: Lens) -> None:
    name = (await _roomy_node(lens))["node_name"]
    await fleet.stop_heartbeats(api, name)
    try:
        seconds = await fleet.wait_node_ready(api, name, ready=False)
        print(f"\n  {name} NotReady {seconds:.0f} s after its heartbeats stopped", end="")
        await agree(api, lens, "a node had become NotReady")
        row = await _row(lens, name)
        assert row["status"] == "NotReady"
        assert row["schedulable"] is False
    finally:
        await fleet.resume_heartbeats(api, name)
    await fleet.wait_node_ready(api, name, ready=True)
    await agree(api, lens, "the node had come back")


async def test_a_node_that_is_drained_and_deleted_leaves_no_gpu_behind(api: Api, lens: Lens) -> None:
    name = next(
        node["node_name"]
        for node in (await lens.status())["nodes"]
        if node["allocated_gpus"] and node["status"] == "Ready"
    )
    await api.drain(name)
    await agree(api, lens, "a drain")
    await api.delete_node(name)

    async def gone() -> bool:
        return all(node["node_name"] != name for node in (await lens.status())["nodes"])

    await wait_until(gone, "the deleted node to leave the list", 90)
    await agree(api, lens, "a node had been deleted")


async def _row(lens: Lens, name: str) -> dict[str, Any]:
    row: dict[str, Any] = next(n for n in (await lens.status())["nodes"] if n["node_name"] == name)
    return row


async def _roomy_node(lens: Lens) -> dict[str, Any]:
    """Return a node with available GPUs, the emptiest first."""
    nodes: list[dict[str, Any]] = (await lens.status())["nodes"]
    return max(nodes, key=lambda node: int(node["available_gpus"]))
