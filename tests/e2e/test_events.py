"""kube-scheduler's Events of a pod are in the list, after a restart of Lens as well."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.agreement import agree
from tests.e2e.cluster.api import Api, ApiError, Manifest
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.lens import Lens

# A cluster that is there before and after this session remembers the pods of the last one.
VICTIM, PREEMPTOR = f"events-victim-{os.getpid()}", f"events-preemptor-{os.getpid()}"
URGENT = "events-urgent"


@pytest.fixture
async def room(api: Api, lens: Lens) -> AsyncIterator[Manifest]:
    """Return what a pod asks for that wants all free GPUs of the roomiest node, and nowhere else."""
    await api.ensure(
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        {"metadata": {"name": URGENT}, "value": 1_000_000, "description": "for the test of Events"},
    )
    node = max((await lens.status())["nodes"], key=lambda node: int(node["available_gpus"]))
    free = next(each for each in node["resources"] if each["available"])
    assert free["available"] > 0
    here = {"key": "metadata.name", "operator": "In", "values": [node["node_name"]]}
    yield {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchFields": [here]}]
                }
            }
        },
        "tolerations": [{"operator": "Exists"}],
        "containers": [
            {
                "name": "main",
                "image": "none",
                "resources": {"limits": {free["resource"]: str(free["available"])}},
            }
        ],
    }
    for name in (VICTIM, PREEMPTOR):
        try:
            await api.delete_pod("default", name, grace_seconds=0)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
    await agree(api, lens, "the pods of the test had gone")


def _pod(name: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


async def _runs(api: Api, name: str) -> bool:
    return bool((await api.pod("default", name))["status"].get("phase") == "Running")


async def _told(lens: Lens, name: str, type_: str) -> list[dict[str, Any]]:
    """Return a pod's events of a type."""
    asked = {"include": "events", "event_object": f"Pod/default/{name}", "event_type": type_}
    answer = await lens.get("/api/v1/realtime/status", **asked)
    assert answer.status == 200, answer
    events: list[dict[str, Any]] = answer.data["recent_events"]
    return events


async def _until_told(lens: Lens, name: str, type_: str) -> list[dict[str, Any]]:
    """Return a pod's events of a type, once there is one."""

    async def is_told() -> bool:
        return bool(await _told(lens, name, type_))

    await wait_until(is_told, f"{type_} of {name}", 30)
    return await _told(lens, name, type_)


async def test_a_preemption_is_one_event_before_and_after_a_restart(
    api: Api, service_account: Path, room: Manifest, tmp_path: Path
) -> None:
    first = Lens.start(service_account, tmp_path / "first")
    try:
        await first.wait_ready()
        await api.create_pod(_pod(VICTIM, room))
        await _until_told(first, VICTIM, "TaskStarted")
        await api.create_pod(_pod(PREEMPTOR, room | {"priorityClassName": URGENT}))
        await wait_until(lambda: _runs(api, PREEMPTOR), f"{PREEMPTOR} to run in its place", 90)

        (seen,) = await _until_told(first, VICTIM, "TaskPreempted")
        (warned,) = await _until_told(first, PREEMPTOR, "Kubernetes")
    finally:
        assert first.stop() == 0
    assert (seen["source"], warned["source"]) == ("lens", "default-scheduler")
    assert warned["reason"] == "FailedScheduling"

    again = Lens.start(service_account, tmp_path / "again")
    try:
        await again.wait_ready()
        (read,) = await _until_told(again, VICTIM, "TaskPreempted")
        print(f"\n  after the restart: {read}", end="")
        assert (read["source"], read["reason"]) == ("default-scheduler", "Preempted")
        assert await _until_told(again, PREEMPTOR, "Kubernetes") == [warned]
    finally:
        assert again.stop() == 0
