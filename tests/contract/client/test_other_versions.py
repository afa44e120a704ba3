"""A Lens of another version: what it doesn't say is unknown, and no command fails for it."""

import copy
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from lens_client.api import schema
from lens_client.api.events import Change, Snapshot
from lens_client.api.validation import ESSENTIAL, check
from lens_client.commands import nodes, tasks
from lens_client.output.terminal import describe
from lens_client.screen.draw import draw
from lens_client.screen.state import NODE_FIELDS, NODE_ORDERS, TASK_FIELDS, TASK_ORDERS, State
from lens_client.views.nodes import NODES
from lens_client.views.tasks import view
from tests.contract.client import cluster, lens, running

REALTIME = lens.REALTIME
SECTIONS = {"alerts", "namespaces", "no_node_gpus", "recent_events"}
EXPECTED = {"fit --gpus 8": 3, "alerts -o wide": 3}


class Asked(NamedTuple):
    """A command, and what it asks for."""

    command: str
    path: str
    kind: Any
    query: dict[str, str]


ASKED = [
    Asked("status -o wide", f"{REALTIME}/status", schema.Status, {"include": "alerts"}),
    Asked("namespaces -o wide", f"{REALTIME}/status", schema.Status, {"include": "namespaces"}),
    Asked("alerts -o wide", f"{REALTIME}/status", schema.Status, {"include": "alerts"}),
    Asked("events --since 9h -o wide", f"{REALTIME}/status", schema.Status, {"include": "events"}),
    Asked("nodes -o wide --available 1", f"{REALTIME}/nodes", schema.Nodes, {}),
    Asked("gpu gpu-node-1 -o wide", f"{REALTIME}/nodes/gpu-node-1", schema.NodeDetail, {}),
    Asked("gpu --no-node -o wide", f"{REALTIME}/status", schema.Status, {"include": "no_node"}),
    Asked("tasks -o wide", f"{REALTIME}/running-tasks", schema.RunningTasks, {}),
    Asked("status -n research", f"{REALTIME}/running-tasks", schema.RunningTasks, {}),
    Asked("why pod/bert-worker-0", f"{REALTIME}/running-tasks", schema.RunningTasks, {}),
    Asked("pending -o wide", f"{REALTIME}/pending-tasks", schema.PendingTasks, {}),
    Asked("status -n ml-team", f"{REALTIME}/pending-tasks", schema.PendingTasks, {}),
    Asked("why pod/claiming-0", f"{REALTIME}/pending-tasks", schema.PendingTasks, {}),
    Asked("why pod/large-worker-0", f"{REALTIME}/pending-tasks", schema.PendingTasks, {}),
    Asked("fit --gpus 8", f"{REALTIME}/fit", schema.Fit, {}),
]

Change_ = Callable[[dict[str, Any], str], None]


def drop(row: dict[str, Any], name: str) -> None:
    """Make an answer an older Lens' answer."""
    row.pop(name, None)


def empty(row: dict[str, Any], name: str) -> None:
    """Make a field one that a Lens knows nothing of."""
    if name in row:
        row[name] = None


def fields(kind: Any) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """Yield each field that isn't essential: the path to its objects, their type, and its name."""
    if is_typeddict(kind):
        for name, hint in get_type_hints(kind).items():
            if name not in {*ESSENTIAL.get(kind.__name__, ()), *SECTIONS}:
                yield (), kind, name
            for path, of, field in fields(hint):
                yield (name, *path), of, field
    elif get_origin(kind) is dict:
        return
    else:
        for each in get_args(kind):
            if not isinstance(each, str):
                yield from fields(each)


def objects(value: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the objects at a path, through lists."""
    if isinstance(value, list):
        for each in value:
            yield from objects(each, path)
    elif isinstance(value, dict):
        if not path:
            yield value
        else:
            yield from objects(value.get(path[0]), path[1:])


def changed(document: Any, path: tuple[str, ...], name: str, change: Change_) -> Any:
    """Return a document with a field changed in all objects at a path."""
    document = copy.deepcopy(document)
    for each in objects(document, path):
        change(each, name)
    return document


def without_all(document: Any, kind: Any, change: Change_) -> Any:
    """Return a document of which only what is essential is left."""
    document = copy.deepcopy(document)
    for path, _, name in fields(kind):
        for each in objects(document, path):
            change(each, name)
    return document


def asks(server: lens.FakeLens, asked: Asked, document: Any, told: str) -> running.Ran:
    """Run a command on an answer, and hold it to what it may say of what is unknown."""
    server.answers[asked.path] = (200, document)
    ran = running.run(server.url, asked.command.split())
    assert ran.status == EXPECTED.get(asked.command, 0), (told, ran)
    assert "None" not in ran.stdout, (told, ran.stdout)
    assert "None" not in ran.stderr, (told, ran.stderr)
    return ran


@pytest.mark.slow
@pytest.mark.parametrize("change", [drop, empty])
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.command)
def test_each_field_may_be_one_that_lens_does_not_have(asked: Asked, change: Change_) -> None:
    with lens.running() as server:
        document = server.answer(asked.path, asked.query, False)[1]
        seen = 0
        for path, kind, name in fields(asked.kind):
            other = changed(document, path, name, change)
            if other != document:
                seen += 1
                asks(server, asked, other, f"{kind.__name__}.{name}")
        assert seen > 10


@pytest.mark.parametrize("change", [drop, empty])
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.command)
def test_lens_may_say_no_more_than_what_is_essential(asked: Asked, change: Change_) -> None:
    with lens.running() as server:
        document = server.answer(asked.path, asked.query, False)[1]
        asks(server, asked, without_all(document, asked.kind, change), "all")


@pytest.mark.parametrize("change", [drop, empty])
def test_what_is_unknown_is_never_0(change: Change_) -> None:
    with lens.running() as server:
        document = server.answer(f"{REALTIME}/nodes", {}, False)[1]
        asked = Asked("nodes -o json", f"{REALTIME}/nodes", schema.Nodes, {})
        ran = asks(server, asked, without_all(document, schema.Nodes, change), "json")
        row = json.loads(ran.stdout)["nodes"][0]
        assert (row["total_gpus"], row["taints"]) == (None, None)
        ran = asks(server, asked._replace(command="nodes"), without_all(document, schema.Nodes, change), "")
        assert "0" not in ran.stdout.splitlines()[1].split(maxsplit=1)[1]


@pytest.mark.parametrize("what", ["nodes", "tasks"])
@pytest.mark.parametrize("change", [drop, empty])
def test_top_shows_a_lens_that_says_less(what: str, change: Change_) -> None:
    snapshot = lens.FakeLens().snapshot(["status", what])
    later = {"timestamp": cluster.TIMESTAMP, what: {"changed": snapshot[what], "gone": []}}
    for document, kind in ((snapshot, Snapshot), (later, Change)):
        for path, _, name in (*fields(kind), (None, None, "")):
            if path is None:
                other = without_all(document, kind, change)
                other.setdefault(what, document[what])
            else:
                other = changed(document, path, name, change)
            check(kind, other)
            for state, columns in (
                (State(nodes.SECTION, NODE_FIELDS, NODE_ORDERS), NODES.columns),
                (State(tasks.SECTION, TASK_FIELDS, TASK_ORDERS), view(namespaces=False).columns),
            ):
                if state._section.field != what:
                    continue
                state.apply("snapshot" if kind is Snapshot else "change", other, None)
                for order in range(len(state.orders)):
                    state.order, state._sorted = order, None
                    shown = "\n".join(draw(state, columns, "a", TERMINAL))
                    assert "None" not in shown, (path, name, shown)


TERMINAL = describe(io.StringIO(), {})._replace(is_terminal=True, columns=200, lines=40)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "1" * 400])
def test_a_number_that_is_none_is_one_line(value: str) -> None:
    with lens.running() as server:
        document = server.answer(f"{REALTIME}/nodes", {}, False)[1]
        document = copy.deepcopy(document)
        document["nodes"][0]["utilization"] = float(value) if not value.isdigit() else int(value)
        server.answers[f"{REALTIME}/nodes"] = (200, document)
        ran = running.run(server.url, ["nodes"])
    assert (ran.stdout, ran.status, ran.stderr.count("\n")) == ("", 1, 1)
    assert "nodes[0].utilization" in ran.stderr


@pytest.mark.parametrize("command", ["alerts", "events", "namespaces"])
def test_what_lens_does_not_say_is_not_none_of_it(command: str) -> None:
    with lens.running() as server:
        server.answers[f"{REALTIME}/status"] = server.answer(f"{REALTIME}/status", {}, False)
        ran = running.run(server.url, [command])
    assert (ran.stdout, ran.status) == ("", 1)
    name = "recent_events" if command == "events" else command
    assert ran.stderr.endswith(f": this Lens' answer has no {name}\n")


def test_times_of_another_form_are_unknown() -> None:
    with lens.running() as server:
        document = copy.deepcopy(server.answer(f"{REALTIME}/status", {"include": "events"}, False)[1])
        document["timestamp"] = "yesterday"
        asked = ASKED[3]
        assert asks(server, asked, document, "timestamp").stdout.splitlines()[1].split()[0] == "-"


def test_an_alert_of_a_severity_that_is_new_is_shown() -> None:
    with lens.running() as server:
        document = copy.deepcopy(server.answer(f"{REALTIME}/status", {"include": "alerts"}, False)[1])
        document["alerts"] = [{**document["alerts"][0], "severity": "fatal"}]
        server.answers[f"{REALTIME}/status"] = (200, document)
        ran = running.run(server.url, ["alerts", "--severity", "critical"])
    assert (ran.status, ran.stdout.splitlines()[1].split()[0]) == (3, "fatal")


def test_a_lens_that_watches_no_cluster_says_so() -> None:
    with lens.running() as server:
        server.answers["/api/v1/clusters"] = (200, {"clusters": []})
        ran = running.run(server.url, ["nodes"])
    assert (ran.stdout, ran.status) == ("", 1)
    assert ran.stderr.endswith(" watches no cluster: name one with --cluster\n")


def test_an_answer_that_is_no_stream_ends_a_watch() -> None:
    with lens.running() as server:
        server.answers[f"{REALTIME}/stream"] = (200, {})
        ran = running.run(server.url, ["nodes", "-w"])
    assert (ran.stdout, ran.status) == ("", 1)
    assert ran.stderr.endswith(": the answer isn't one of Lens\n")
