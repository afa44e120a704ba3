"""A control plane that fails costs no exactness for longer than it is gone."""

import asyncio
import time

import pytest

from tests.e2e.agreement import agree
from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.control_plane import ControlPlane
from tests.e2e.cluster.given import Cluster, UnavailableError
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.lens import Lens


@pytest.fixture
def control_plane(cluster: Cluster) -> ControlPlane:
    """Return the control plane, if it is ours to break."""
    try:
        return cluster.require_control_plane()
    except UnavailableError as reason:
        pytest.skip(str(reason))


async def test_a_killed_apiserver_costs_fresh_data_and_nothing_else(
    api: Api, lens: Lens, control_plane: ControlPlane
) -> None:
    await agree(api, lens, "what was before")
    before = await lens.status()
    await asyncio.to_thread(control_plane.kill, "kube-apiserver")
    down_at = time.monotonic()

    async def older() -> bool:
        return float((await lens.status())["freshness"]["age_seconds"]) > 5

    await wait_until(older, "data to age", 60)
    during = await lens.status()
    assert during["current_gpu_usage"] == before["current_gpu_usage"]
    still = await lens.status()
    assert still["timestamp"] == during["timestamp"]
    await asyncio.to_thread(control_plane.start, "kube-apiserver")
    print(f"\n  apiserver down for {time.monotonic() - down_at:.1f} s, Lens answered meanwhile", end="")
    await agree(api, lens, "the apiserver was back")

    async def fresh() -> bool:
        return float((await lens.status())["freshness"]["age_seconds"]) < 5

    print(f"\n  fresh again {await wait_until(fresh, 'fresh data', 60):.2f} s after that", end="")


async def test_pods_that_vanish_while_the_watch_is_cut_and_compacted_are_gone(
    api: Api, lens: Lens, control_plane: ControlPlane
) -> None:
    lists = await lens.metric("lens_lists_total")
    lens.pause()
    try:
        # Cuts its watches: what the apiserver had sent would wait in the socket of a process that is frozen.
        await asyncio.to_thread(control_plane.restart, "kube-apiserver")
        for pod in await _running_tasks(api, 50):
            await api.delete_pod(pod["metadata"]["namespace"], pod["metadata"]["name"], grace_seconds=0)
        await asyncio.to_thread(control_plane.compact)
        await asyncio.to_thread(control_plane.restart, "kube-apiserver")
    finally:
        lens.go_on()
    await agree(api, lens, "50 pods had vanished unseen and the watch got 410")
    assert await lens.metric("lens_lists_total") > lists
    assert await lens.metric("lens_list_drift_total") >= 1


async def test_an_etcd_restored_from_a_backup_is_believed(
    api: Api, lens: Lens, control_plane: ControlPlane
) -> None:
    await asyncio.to_thread(control_plane.save_data)
    for pod in await _running_tasks(api, 30):
        await api.delete_pod(pod["metadata"]["namespace"], pod["metadata"]["name"], grace_seconds=0)
    await agree(api, lens, "30 more pods had been deleted")
    await asyncio.to_thread(control_plane.restore_data)
    await agree(api, lens, "etcd was restored to before that", deadline_s=120)


async def _running_tasks(api: Api, count: int) -> list[Manifest]:
    pods = await api.pods(field_selector="status.phase=Running")
    return [pod for pod in pods if pod["metadata"]["name"].startswith("task-")][:count]
