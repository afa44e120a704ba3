"""Alerts and events, from objects of the apiserver to what a user reads over HTTP."""

import asyncio
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import EVENTS, NODES, PODS
from lens_sim.objects.store import Store
from tests.integration.operator import LISTENING, Command, environment, get, wait_for
from tests.integration.watch.objects import GPU, Object, node, pod
from tests.kubeconfig import write_kubeconfig
from tests.unit.model.reported import of_node, of_pod, of_scheduler

TOKEN = "token-of-a-test"
QUERY = "/api/v1/realtime/status?cluster=sim&include=alerts&include=events"


class Live:
    """A simulated cluster that a test changes, and Lens on it in a process of its own."""

    def __init__(self, store: Store, folder: Path, env: dict[str, str]) -> None:
        self._store = store
        self._folder = folder
        self._env = env
        self._number = 0

    def start(self) -> None:
        """Start Lens, and wait for its first look."""
        self._number += 1
        self._lens = Command(["serve"], self._folder / f"log-{self._number}", self._env, forked=True)
        self._base = f"http://{self._lens.wait_for_match(LISTENING)[1]}"
        wait_for(lambda: "lens_alerts{" in text(f"{self._base}/metrics"), "the first look")

    def end(self) -> None:
        """End Lens, as the end of its pod does."""
        with self._lens:
            assert self._lens.end() == 0

    def record(self, *events: Object) -> None:
        """Put Events into the cluster, each under a name of its own."""
        for event in events:
            name = f"{event['involvedObject']['name']}.{event['reason']}"
            self._store.put(
                EVENTS, event | {"metadata": event["metadata"] | {"name": name}}, datetime.now(UTC)
            )

    def put(self, obj: Object) -> None:
        self._store.put(NODES if "capacity" in obj["status"] else PODS, obj, datetime.now(UTC))

    def delete_pod(self, name: str) -> None:
        self._store.delete(PODS, f"team/{name}")

    def status(self, more: str = "") -> Any:
        return get(f"{self._base}{QUERY}{more}")[1]["data"]

    def alerts(self) -> list[str]:
        return [alert["type"] for alert in self.status()["alerts"]]

    def events(self) -> list[tuple[str, str]]:
        """Return what happened but for alerts, oldest first."""
        events = reversed(self.status()["recent_events"])
        return [(e["type"], e["object"]) for e in events if not e["type"].startswith("Alert")]


def text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    store = Store(1)
    for number in range(2):
        store.put(NODES, node(f"node-{number}"), datetime.now(UTC))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = SimApiServer(store, TOKEN)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(kubeconfig, server.url, {"token": TOKEN})
    env = environment(
        cluster="sim",
        listen="127.0.0.1:0",
        auth="none",
        kubeconfig=str(kubeconfig),
        alert_for_seconds="0",
        alert_clear_seconds="0",
        cache_seconds="0",
    )

    class Loop:
        """Store changes wake watches, so they are made in the server's loop."""

        def __getattr__(self, name: str) -> Any:
            def call(*args: Any) -> None:
                done = threading.Event()
                loop.call_soon_threadsafe(getattr(store, name), *args)
                loop.call_soon_threadsafe(done.set)
                assert done.wait(10)

            return call

    try:
        live = Live(Loop(), tmp_path, env)  # type: ignore[arg-type]
        live.start()
        yield live
        live.end()
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def broken(gpus: int, healthy: int) -> Object:
    bad = node("node-1", gpus)
    bad["status"]["allocatable"][GPU] = str(healthy)
    return bad


def test_a_broken_gpu_and_its_repair_are_events(live: Live) -> None:
    assert live.alerts() == []
    live.put(broken(8, healthy=7))
    wait_for(lambda: live.alerts() == ["DevicesUnhealthy"], "the alert")
    (alert,) = live.status()["alerts"]
    assert (alert["source"], alert["severity"]) == ("Node/node-1", "critical")
    live.put(node("node-1"))
    wait_for(lambda: live.alerts() == [], "its end")
    types = [event["type"] for event in live.status("&event_object=Node/node-1")["recent_events"]]
    assert types == ["AlertCleared", "AlertRaised"]
    assert live.status("&event_type=AlertRaised,NodeLeft")["recent_events"][0]["type"] == "AlertRaised"
    assert live.status("&event_since=2100-01-01T00:00:00Z")["recent_events"] == []


def test_a_pods_start_and_end_are_events(live: Live) -> None:
    preempted: dict[str, Any] = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
    }
    names = ("done", "broken", "pushed", "ended", "vanished")
    for name in names:
        live.put(pod(name, on="node-0"))
    wait_for(lambda: len(live.events()) == 5, "the starts")
    live.put(pod("done", on="node-0", phase="Succeeded"))
    live.put(pod("broken", on="node-0", phase="Failed"))
    pushed = pod("pushed", on="node-0")
    pushed["status"]["conditions"] = [preempted]
    live.put(pushed)
    live.delete_pod("pushed")
    ended = pod("ended", on="node-0")
    ended["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    live.put(ended)
    live.delete_pod("ended")
    live.delete_pod("vanished")  # as one that finishes and is gone before it can be read
    wait_for(lambda: len(live.events()) == 10, "the ends")
    assert sorted(live.events()) == sorted(
        [("TaskStarted", f"Pod/team/{name}") for name in names]
        + [
            ("TaskFinished", "Pod/team/done"),
            ("TaskFailed", "Pod/team/broken"),
            ("TaskPreempted", "Pod/team/pushed"),
            ("TaskDeleted", "Pod/team/ended"),
            ("TaskEnded", "Pod/team/vanished"),
        ]
    )


def test_new_and_changed_nodes_are_events(live: Live) -> None:
    live.put(node("node-2"))
    wait_for(lambda: live.events() == [("NodeJoined", "Node/node-2")], "a node that joined")
    cordoned = node("node-2")
    cordoned["spec"]["unschedulable"] = True
    live.put(cordoned)
    wait_for(lambda: live.events()[1:] == [("NodeCordoned", "Node/node-2")], "a cordoned node")


def test_a_restart_does_not_empty_the_list(live: Live) -> None:
    at = datetime.now(UTC).timestamp()
    live.put(pod("pushed", on="node-0"))
    wait_for(lambda: live.events() == [("TaskStarted", "Pod/team/pushed")], "its start")
    live.record(
        of_scheduler("Preempted", "Preempted by pod 1 on node node-0", at=at, name="pushed", kind="Normal")
    )
    preempted = pod("pushed", on="node-0")
    preempted["status"]["conditions"] = [
        {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
    ]
    live.put(preempted)
    live.delete_pod("pushed")
    live.record(of_node("NodeNotSchedulable", at=at, name="node-1"))
    wait_for(lambda: len(live.events()) == 2, "its end")
    assert [event["source"] for event in live.status()["recent_events"]] == ["lens", "lens"]
    live.end()
    live.start()
    happened = {("TaskPreempted", "Pod/team/pushed"), ("NodeCordoned", "Node/node-1")}
    wait_for(lambda: set(live.events()) == happened, "what was before the restart")
    (event,) = live.status("&event_type=TaskPreempted")["recent_events"]
    assert event == {
        "timestamp": event["timestamp"],
        "type": "TaskPreempted",
        "object": "Pod/team/pushed",
        "namespace": "team",
        "message": "Preempted by pod 1 on node node-0",
        "source": "default-scheduler",
        "reason": "Preempted",
    }


def test_a_gpu_pods_warning_is_an_event(live: Live) -> None:
    waits = pod("waits", phase="Pending")
    waits["metadata"]["uid"] = "uid-waits"
    live.put(waits)
    at = datetime.now(UTC).timestamp()
    live.record(of_pod("BackOff", "of a pod without GPUs", at=at, name="other", kind="Warning"))
    live.record(of_scheduler("FailedScheduling", "0/2 nodes are available", at=at, name="waits"))
    wait_for(lambda: live.events() == [("Kubernetes", "Pod/team/waits")], "the scheduler's warning")
