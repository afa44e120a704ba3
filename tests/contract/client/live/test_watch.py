"""-w: what changes is shown as it changes, and ends as its user ends it."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.client import cluster, lens
from tests.contract.client.processes import DEADLINE_SECONDS, ROOT, Process, command
from tests.contract.client.running import environment

LATER = "2026-11-29T16:00:05Z"


@pytest.fixture
def server() -> Iterator[lens.FakeLens]:
    """Run a server for a test."""
    with lens.running() as found:
        yield found


def _wait_for_request(server: lens.FakeLens, asked: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(server.requests) <= asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def change(**sections: object) -> dict[str, object]:
    """Return a change of the stream."""
    return {"timestamp": LATER, **sections}


def test_a_changed_task_is_one_more_line(server: lens.FakeLens) -> None:
    """And one that is gone says so; what is only measured isn't printed."""
    with Process(server.url, ["tasks", "-A", "-w"], environ={"NO_COLOR": "1"}) as shell:
        start = shell.wait_for("Data of 2026-11-29T16:00:00Z")
        first, second = (
            {k: v for k, v in row.items() if k != "running_time_seconds"} for row in cluster.TASKS[:2]
        )
        server.send("change", change(tasks={"changed": [{**first, "utilization": 99.9}], "gone": []}))
        server.send("change", change(tasks={"changed": [{**first, "terminating": True}], "gone": []}))
        gone = {name: second[name] for name in ("namespace", "pod_name", "pod_uid")}
        server.send("change", change(tasks={"changed": [], "gone": [gone]}))
        end = shell.wait_for("Gone", start)
        lines = shell.shown[start:end].splitlines()
        assert [line.split()[1:3] for line in lines if "bert" in line] == [
            ["bert-worker-0", "Terminating"],
            ["bert-worker-1", "Gone"],
        ]
        shell.type("\x03")
        assert shell.end() == -signal.SIGINT
        assert shell.shown.rstrip().splitlines()[-1].startswith("Data of 2026-11-29T16:00:05Z")


def test_rows_are_json_lines(server: lens.FakeLens) -> None:
    """Each is one object on one line."""
    with subprocess.Popen(
        command(["nodes", "-w", "-o", "json"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(server.url, {"PYTHONPATH": str(ROOT / "operator")}),
    ) as process:
        assert process.stdout is not None
        rows = [json.loads(process.stdout.readline()) for _ in cluster.NODES]
        assert rows == cluster.NODES
        changed = {**cluster.NODES[0], "status": "NotReady"}
        server.send("change", change(nodes={"changed": [changed], "gone": []}))
        assert json.loads(process.stdout.readline()) == changed
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) == -signal.SIGINT


def test_filters_of_nodes_are_those_of_the_list(server: lens.FakeLens) -> None:
    """A node of several products has no product of its own; Lens knows which of its GPUs are available."""
    path, head = f"{lens.REALTIME}/nodes", {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
    mixed = cluster.node("mixed-1", 4, 4, product=None)
    server.answers[path] = (200, {**head, "total_nodes": 1, "nodes": [mixed]})
    with Process(server.url, ["nodes", "-w", "--product", "A100", "--available", "1"]) as shell:
        start = shell.wait_for("Data 0s old")
        assert "mixed-1" in shell.shown
        assert "gpu-node-1" not in shell.shown
        assert server.requests[-1][1].endswith("product=A100&available_min=1")
        new = cluster.node("mixed-2", 0, 8, product=None)
        server.answers[path] = (200, {**head, "total_nodes": 2, "nodes": [mixed, new]})
        server.send("change", change(nodes={"changed": [new, cluster.NODES[0]], "gone": []}))
        end = shell.wait_for("mixed-2", start)
        assert "gpu-node-1" not in shell.shown[start:end]


def test_a_node_that_leaves_the_filter_is_not_gone(server: lens.FakeLens) -> None:
    """The list hasn't a node that doesn't match, nor one that doesn't exist; the stream tells them apart."""
    path, head = f"{lens.REALTIME}/nodes", {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
    kept, taken, deleted = cluster.NODES[:3]
    with Process(server.url, ["nodes", "-w", "--available", "0"], environ={"NO_COLOR": "1"}) as shell:
        start = shell.wait_for("Data 1s old")
        server.answers[path] = (200, {**head, "total_nodes": 1, "nodes": [kept]})
        now = {**taken, "status": "Ready", "running_tasks": 42}
        others = [row["node_name"] for row in cluster.NODES[3:]]
        server.send("change", change(nodes={"changed": [now], "gone": [deleted["node_name"], *others]}))
        end = shell.wait_for("\n", shell.wait_for(others[-1], start))
        rows = {line.split()[0]: line.split() for line in shell.shown[start:end].splitlines() if line.strip()}
        assert rows[taken["node_name"]][1] == "Ready,NotMatching"
        assert "42" in rows[taken["node_name"]]
        assert rows[deleted["node_name"]][1] == "Gone,SchedulingDisabled"
        assert kept["node_name"] not in rows


def test_an_alert_that_becomes_less_severe_is_not_cleared(server: lens.FakeLens) -> None:
    alerts: list[Any] = cluster.ALERTS
    severe = next(alert for alert in alerts if alert["severity"] == "critical")
    with Process(server.url, ["alerts", "-w", "--severity", "critical"]) as shell:
        start = shell.wait_for("Data of")
        server.send("change", change(alerts={"changed": [{**severe, "severity": "warning"}], "gone": []}))
        shell.wait_for("warning,NotMatching", start)
        server.send("change", change(alerts={"changed": [], "gone": [severe["id"]]}))
        server.send("change", change(alerts={"changed": [severe], "gone": []}))
        end = shell.wait_for("critical", start)
        assert "cleared" not in shell.shown[start:end]


@pytest.mark.parametrize(
    ("arguments", "path", "row", "said"),
    [
        (["tasks", "--state", "starting"], "running-tasks", cluster.TASKS[0], "NotStarting"),
        (["pending"], "pending-tasks", cluster.PENDING[0], "NotPending"),
    ],
)
def test_a_pod_that_is_not_listed_any_more_may_still_exist(
    server: lens.FakeLens, arguments: list[str], path: str, row: dict[str, object], said: str
) -> None:
    """One that waited may have been scheduled, one that started may run."""
    with Process(server.url, [*arguments, "-A", "-w"], environ={"NO_COLOR": "1"}) as shell:
        start = shell.wait_for("Data 1s old")
        head = {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
        server.answers[f"{lens.REALTIME}/{path}"] = (200, {**head, "total_tasks": 0, "tasks": []})
        server.send("change", change(status=cluster.FIGURES))
        end = shell.wait_for("\n", shell.wait_for(said, start))
        line = next(each for each in shell.shown[start:end].splitlines() if str(row["pod_name"]) in each)
        assert said in line.split()


def test_events_go_on_and_none_comes_twice(server: lens.FakeLens) -> None:
    """The newest is the last line."""
    with Process(server.url, ["events", "-w"]) as shell:
        start = shell.wait_for("Data of")
        new = cluster.event(LATER, "NodeReady", "Node/gpu-node-4", "gpu-node-4 is Ready")
        server.send("change", change(recent_events=[new]))
        server.send("change", change(recent_events=[new]))
        server.send("change", change(recent_events=[{**new, "message": "and no other"}]))
        end = shell.wait_for("and no other", start)
        assert shell.shown[start:end].count("gpu-node-4 is Ready") == 1


def test_alerts_that_clear_say_so(server: lens.FakeLens) -> None:
    """By the id that the stream calls gone."""
    with Process(server.url, ["alerts", "-w"]) as shell:
        start = shell.wait_for("Data of")
        server.send("change", change(alerts={"changed": [], "gone": ["a1"]}))
        end = shell.wait_for("cleared", start)
        assert "GpuXid" in shell.shown[end : shell.wait_for("\n", end)]


def test_pending_pods_are_asked_for_again_when_something_changes(server: lens.FakeLens) -> None:
    """The stream has no pending pods, but says that there is news."""
    with Process(server.url, ["pending", "-A", "-w"]) as shell:
        start = shell.wait_for("Data 1s old")
        head = {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
        rows = [*cluster.PENDING[1:], cluster.waiting("ml-team", "new-0")]
        server.answers[f"{lens.REALTIME}/pending-tasks"] = (200, {**head, "total_tasks": 3, "tasks": rows})
        server.send("change", change(status=cluster.FIGURES))
        end = shell.wait_for("new-0", start)
        assert "large-worker-0" in shell.shown[start:end]
        assert "sweep-worker-0" not in shell.shown[start:end]


def test_a_list_that_is_refused_for_now_is_asked_for_at_the_next_event(server: lens.FakeLens) -> None:
    path = f"{lens.REALTIME}/pending-tasks"
    with Process(server.url, ["pending", "-A", "-w"]) as shell:
        start = shell.wait_for("Data 1s old")
        for status in (429, 503):
            asked = len(server.requests)
            server.answers[path] = (status, "Later")
            server.send("change", change(status=cluster.FIGURES))
            _wait_for_request(server, asked)
        head = {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
        rows = [*cluster.PENDING, cluster.waiting("ml-team", "new-0")]
        server.answers[path] = (200, {**head, "total_tasks": len(rows), "tasks": rows})
        server.send("change", change(status=cluster.FIGURES))
        shell.wait_for("new-0", start)


def test_pending_pods_of_one_namespace_take_no_more_rights_than_its_own(server: lens.FakeLens) -> None:
    """The stream of its tasks says when to ask again."""
    one = {"LENS_TOKEN": lens.NAMESPACED_TOKEN}
    with Process(server.url, ["pending", "-n", "research", "-w"], environ=one) as shell:
        start = shell.wait_for("Data 1s old")
        head = {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
        rows = [*cluster.PENDING[1:], cluster.waiting("research", "new-0")]
        server.answers[f"{lens.REALTIME}/pending-tasks"] = (200, {**head, "total_tasks": 3, "tasks": rows})
        server.send("heartbeat", {"timestamp": LATER, "age_seconds": 0.4})
        shell.wait_for("new-0", start)


def test_tasks_that_do_not_run_are_watched_too(server: lens.FakeLens) -> None:
    """The stream has running ones alone, but says that there is news."""
    with Process(server.url, ["tasks", "-A", "-w", "--state", "all"]) as shell:
        start = shell.wait_for("Data 1s old")
        head = {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
        left, *others = cluster.TASKS
        rows = [*others, {**left, "pod_name": "new-0", "pod_uid": "new", "phase": "Pending"}]
        server.answers[f"{lens.REALTIME}/running-tasks"] = (200, {**head, "total_tasks": 3, "tasks": rows})
        server.send("change", change(status=cluster.FIGURES))
        end = shell.wait_for("new-0", start)
        assert "Gone" in shell.shown[start:end]
        assert server.requests[-1][1].endswith("state=all")


def test_the_status_is_printed_when_a_figure_changes(server: lens.FakeLens) -> None:
    """Not when only the utilization does."""
    with Process(server.url, ["status", "-w"]) as shell:
        start = shell.wait_for("Data of")
        for figures in (
            {**cluster.FIGURES, "telemetry": {"coverage": 1.0, "utilization_rate": 1.0}},
            {**cluster.FIGURES, "pending": {"pods": 77, "gpus": 1, "gated_pods": 0}},
        ):
            server.send("change", change(status=figures))
        end = shell.wait_for("77", start)
        assert shell.shown[start:end].count("140") == 1


def test_the_sums_of_a_namespace_are_watched_with_no_more_rights_than_its_own(server: lens.FakeLens) -> None:
    one = {"LENS_TOKEN": lens.NAMESPACED_TOKEN, "NO_COLOR": "1"}
    with Process(server.url, ["status", "-n", "research", "-w", "--no-headers"], environ=one) as shell:
        start = shell.wait_for("Data 1s old")
        assert shell.shown.splitlines()[0].split() == ["research", "3~", "2", "45.3%", "2", "16"]
        head = {"cluster": cluster.NAME, "timestamp": LATER, "continue": None}
        rows = [*cluster.PENDING[1:], cluster.waiting("research", "new-0")]
        server.answers[f"{lens.REALTIME}/pending-tasks"] = (200, {**head, "total_tasks": 3, "tasks": rows})
        server.send("heartbeat", {"timestamp": LATER, "age_seconds": 0.4})
        end = shell.wait_for("24", start)
        assert shell.shown[start:end].split()[-6:] == ["research", "3~", "2", "45.3%", "3", "24"]


def test_a_stream_that_breaks_is_opened_again(server: lens.FakeLens) -> None:
    """Where it was, with a line that says so."""
    with Process(server.url, ["nodes", "-w"]) as shell:
        start = shell.wait_for("Data of")
        server.sent.put(None)
        start = shell.wait_for("trying again in 2 s", start)
        changed = {**cluster.NODES[0], "node_name": "gpu-node-new"}
        server.send("change", change(nodes={"changed": [changed], "gone": []}))
        shell.wait_for("gpu-node-new", start)


def test_old_figures_are_said_to_be_old(server: lens.FakeLens) -> None:
    """Once, and once when they are current again."""
    with Process(server.url, ["nodes", "-w"]) as shell:
        start = shell.wait_for("Data of")
        for age in (31.5, 41.5, 0.4):
            server.send("heartbeat", {"timestamp": LATER, "age_seconds": age})
        start = shell.wait_for("Data 31.5s old", start)
        end = shell.wait_for("Data 0.4s old", start)
        assert "41.5" not in shell.shown[start:end]


def test_a_reader_that_has_seen_enough_ends_it_quietly(server: lens.FakeLens) -> None:
    """`| head` closes the pipe: no traceback, and no process is left."""
    for arguments in (["nodes", "-o", "wide"], ["events", "-w"]):
        with subprocess.Popen(
            command(arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(server.url, {"PYTHONPATH": str(ROOT / "operator")}),
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            for number in range(3):
                new = cluster.event(LATER, "NodeReady", f"Node/n{number}", "x" * 70_000)
                server.send("change", change(recent_events=[new]))
            assert process.wait(DEADLINE_SECONDS) == 0
            assert b"Traceback" not in process.stderr.read()
