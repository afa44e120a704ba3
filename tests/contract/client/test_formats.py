"""The formats of -o: the API's own schema, digits and tables."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from lens.api.manifests import read_manifests
from lens_client.api import schema
from lens_client.output import csv_rows
from tests.contract.client import cluster, lens
from tests.contract.client.running import run, run_on_terminal

REALTIME = "/api/v1/realtime"


@pytest.fixture(scope="module")
def server() -> Iterator[lens.FakeLens]:
    """Run one server for all tests."""
    with lens.running() as found:
        yield found


DOCUMENTS = {
    "status": ("/status", {}),
    "nodes": ("/nodes", {}),
    "tasks -A": ("/running-tasks", {}),
    "pending -A": ("/pending-tasks", {}),
    "gpu gpu-node-1": ("/nodes/gpu-node-1", {}),
    "fit --gpus 8": ("/fit", {"gpus": "8"}),
}


@pytest.mark.parametrize("command", DOCUMENTS)
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_document_is_the_api_s_answer(server: lens.FakeLens, command: str, form: str) -> None:
    """What jq and yq read is what the API says, whatever is in its names."""
    path, query = DOCUMENTS[command]
    _, answer = server.answer(f"{REALTIME}{path}", query, namespaced=False)
    ran = run(server.url, [*command.split(), "-o", form])
    printed = json.loads(ran.stdout) if form == "json" else yaml.safe_load(ran.stdout)
    assert printed == answer
    assert ran.stderr.splitlines()[-1].startswith("Data ")


def test_documents_on_a_terminal_have_the_same_values(server: lens.FakeLens) -> None:
    """What is escaped for a terminal is JSON's own escape."""
    ran = run_on_terminal(server.url, ["tasks", "-A", "-o", "json"], 80)
    document = ran.stdout[: ran.stdout.rindex("}") + 1]
    assert [task["pod_name"] for task in json.loads(document)["tasks"]] == [
        task["pod_name"] for task in cluster.TASKS
    ]
    assert "\x07" not in ran.stdout


def test_numbers_of_a_table_are_the_api_s(server: lens.FakeLens) -> None:
    """Each number of a node's line is in its row, digit by digit."""
    lines = run(server.url, ["nodes", "--no-headers"]).stdout.splitlines()
    for line, row in zip(lines, cluster.NODES, strict=True):
        name, _, product, gpus, available, unhealthy, util, tasks = line.split()
        assert name == row["node_name"]
        assert product == (row["product"] or "-")
        assert gpus == f"{row['allocated_gpus']}/{row['total_gpus']}"
        assert (available, unhealthy, tasks) == (
            str(row["available_gpus"]),
            str(row["unhealthy_gpus"]),
            str(row["running_tasks"]),
        )
        assert util == ("-" if row["utilization"] is None else f"{json.dumps(row['utilization'])}%")


def test_an_unknown_value_is_never_a_number(server: lens.FakeLens) -> None:
    """A utilization that isn't known is -, and not 0."""
    line = next(
        line for line in run(server.url, ["tasks", "-A"]).stdout.splitlines() if "bert-worker-1" in line
    )
    assert re.search(r"Running +1 +- +- ", line)


def test_csv_has_the_fields_of_the_schema() -> None:
    """The API's own CSV has these; tests/contract/lists/test_csv.py compares it."""
    from lens.api.schemas.nodes import Node

    assert list(schema.Node.__annotations__) == list(Node.__annotations__)


WITH_NULLS: list[Any] = [
    None,
    True,
    -0.5,
    {"x": None, "y": True, "z": 1, "reason": "A"},
    {"x": False},
    [None, True, 2, "b"],
    [],
    {},
    {"=x": None},
    [{"x": None}],
]


def test_csv_has_json_s_words_in_lists_and_mappings_too() -> None:
    """Null is empty, and no cell has a word of Python's."""
    lines = csv_rows.lines(("a",), [{"a": value} for value in WITH_NULLS]).splitlines()
    assert lines == [
        '""',
        "true",
        "-0.5",
        "x= y=true z=1 reason=A",
        "x=false",
        " true 2 b",
        '""',
        '""',
        "'=x=",
        '"[{""x"":null}]"',
    ]


def test_csv_lines_are_the_server_s() -> None:
    """A list is the same table by -o csv and by the API's format=csv."""
    from lens.api.lists import csv_table

    for fields, rows in (
        (tuple(schema.Node.__annotations__), cluster.NODES),
        (tuple(schema.Task.__annotations__), cluster.TASKS),
        (tuple(schema.PendingTask.__annotations__), cluster.PENDING),
        (
            ("a",),
            [
                {"a": text}
                for text in ("=1+1", "\uff1d1", " +", "\t-1", "@x", "\u22125", "a,b", 'q"', "\u200b=", "-5")
            ],
        ),
        (("a",), [{"a": value} for value in WITH_NULLS]),
    ):
        assert csv_rows.header(fields).encode() == csv_table.header(fields)
        assert csv_rows.lines(fields, rows).encode() == csv_table.lines(fields, rows)


def test_sorting_puts_what_is_unknown_last(server: lens.FakeLens) -> None:
    """--sort-by takes a field or a JSONPath, and - reverses."""
    for given in (
        "--sort-by=-utilization",
        "--sort-by -utilization",
        "--sort-by={.utilization}",
        "--sort-by=.utilization",
    ):
        document = json.loads(run(server.url, ["nodes", *given.split(), "-o", "json"]).stdout)
        found = [row["utilization"] for row in document["nodes"]]
        known = [value for value in found if value is not None]
        assert known == sorted(known, reverse="-utilization" in given)
        assert found[len(known) :] == [None] * 5


@pytest.mark.parametrize(
    "arguments",
    [
        ["nodes", "-o", "xml"],
        ["status", "-o", "name"],
        ["nodes", "-o", "jsonpath"],
        ["nodes", "-o", "jsonpath={.nodes[*"],
        ["nodes", "-o", "custom-columns=NAME"],
        ["nodes", "-o", "custom-columns=NAME:.x[?("],
        ["fit", "-o", "csv"],
        ["fit", "-f", "x.yaml", "--gpus", "1"],
        ["events", "--for", "job/x"],
        ["events", "--for", "/x"],
        ["events", "-w", "--for", "Pods.v1/x"],
        ["why", "a/b/c"],
        ["gpu"],
        ["gpu", "a", "--no-node"],
        ["gpu", "a/b"],
        ["gpu", "node/"],
        ["version", "-o", "csv"],
        ["events", "--for", "pod/x"],
    ],
    ids=" ".join,
)
def test_usage_is_checked_before_anything_is_asked(server: lens.FakeLens, arguments: list[str]) -> None:
    """Exit status 2, one line, and no request."""
    server.requests.clear()
    ran = run(server.url, arguments)
    assert (ran.status, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert not server.requests


FIT_OPTIONS = {
    "--gpus": "1",
    "--replicas": "2",
    "--product": "H100",
    "--resource": "nvidia.com/gpu",
    "--device-class": "gpu.nvidia.com",
    "--cpu": "1",
    "--memory": "1Gi",
    "--priority": "0",
    "--toleration": "x",
    "--selector": "a=b",
}


@pytest.mark.parametrize("option", FIT_OPTIONS)
def test_what_a_manifest_says_too_is_named_as_it_is_typed(server: lens.FakeLens, option: str) -> None:
    ran = run(server.url, ["fit", "-f", "-", option, FIT_OPTIONS[option]])
    assert (ran.stdout, ran.status) == ("", 2)
    assert ran.stderr == f"kubectl lens: -f has the pods, so {option} can't be given too\n"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("node/a", "Node/a"),
        ("GPU/a/GPU-1", "GPU/a/GPU-1"),
        ("ResourcePool/gpu.nvidia.com/a", "ResourcePool/gpu.nvidia.com/a"),
        ("Watch/pods", "Watch/pods"),
        ("Pod/research/a", "Pod/research/a"),
        ("po/a", "Pod/research/a"),
    ],
)
def test_events_are_about_what_they_show(server: lens.FakeLens, given: str, asked: str) -> None:
    server.requests.clear()
    assert run(server.url, ["events", "-n", "research", "--for", given]).status == 0
    (query,) = (urlsplit(target).query for _, target, _ in server.requests if "/status" in target)
    assert parse_qs(query)["event_object"] == [asked]


@pytest.mark.parametrize(
    "given", ["--types TaskStarted,NodeCordoned", "--types TaskStarted --types NodeCordoned"]
)
def test_types_of_events_may_be_named_one_by_one(server: lens.FakeLens, given: str) -> None:
    """As `kubectl events --types` takes them."""
    server.requests.clear()
    ran = run(server.url, ["events", "-o", "custom-columns=TYPE:.type", "--no-headers", *given.split()])
    assert ran.stdout.split() == ["NodeCordoned", "TaskStarted"]
    (query,) = (urlsplit(target).query for _, target, _ in server.requests if "/status" in target)
    assert parse_qs(query)["event_type"] == ["TaskStarted,NodeCordoned"]


@pytest.mark.parametrize("command", ["status -n research", "status -n ml-team"])
def test_the_sums_of_a_namespace_have_the_api_s_fields(server: lens.FakeLens, command: str) -> None:
    """Only how sure they are is the command's own."""
    document = json.loads(run(server.url, [*command.split(), "-o", "json"]).stdout)
    (row,) = document["namespaces"]
    assert row.keys() - schema.Namespace.__annotations__.keys() == {"approximate"}


def test_fit_sends_the_manifest_as_it_is(server: lens.FakeLens, tmp_path: Path) -> None:
    """From a file, and from stdin."""
    manifest = b"kind: Job\nmetadata:\n  name: \xe5\xad\x97\n"
    file = tmp_path / "job.yaml"
    file.write_bytes(manifest)
    for arguments, stdin in ((["-f", str(file)], b""), (["-f", "-"], manifest)):
        server.requests.clear()
        assert run(server.url, ["fit", *arguments, "-n", "research"], stdin=stdin).status == 3
        method, target, body = server.requests[-1]
        assert (method, body) == ("POST", manifest)
        assert "namespace=research" in target


def test_fit_sends_several_manifests_as_the_documents_of_one(server: lens.FakeLens, tmp_path: Path) -> None:
    """Whatever each of them is written in; as `kubectl apply` takes them."""
    template, job, pod = tmp_path / "template.yaml", tmp_path / "job.json", tmp_path / "pod.yaml"
    template.write_bytes(b"\xef\xbb\xbfkind: ResourceClaimTemplate\n---\nkind: Service\n")
    job.write_text('{\n\t"kind": "Job",\n\t"metadata": {"name": "\u5b57\\ud83d\\ude00"}\n}\n')
    pod.write_text("kind: Pod")
    asked = ["-f", str(template), "-f", str(job), "--filename", str(pod)]
    assert run(server.url, ["fit", *asked]).status == 3
    assert read_manifests(server.requests[-1][2]) == [
        {"kind": "ResourceClaimTemplate"},
        {"kind": "Service"},
        {"kind": "Job", "metadata": {"name": "\u5b57\U0001f600"}},
        {"kind": "Pod"},
    ]


def test_fit_says_that_several_files_are_too_long_together(server: lens.FakeLens, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_bytes(b"# " + b"x" * 40_000)
    ran = run(server.url, ["fit", "-f", str(file), "-f", str(file)])
    assert (ran.status, ran.stderr) == (
        1,
        "kubectl lens: -f: the manifests have more than 64 KiB together\n",
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "nothing in it"), (b"x" * 65_537, "more than 64 KiB"), (None, "No such file")],
)
def test_fit_says_what_is_wrong_with_a_file(
    server: lens.FakeLens, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """Before it is sent."""
    file = tmp_path / "job.yaml"
    if content is not None:
        file.write_bytes(content)
    ran = run(server.url, ["fit", "-f", str(file)])
    assert ran.status == 1
    assert problem in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["fit", "--gpus", "1"], 0),
        (["fit", "--gpus", "8"], 3),
        (["fit", "--gpus", "1", "--max-age", "1s"], 4),
        (["alerts"], 3),
        (["alerts", "--max-age", "0.1"], 4),
        (["alerts", "-n", "nowhere"], 0),
        (["status", "--max-age", "1"], 0),
        (["status", "--max-age", "100ms"], 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_status_answers_the_question(server: lens.FakeLens, arguments: list[str], status: int) -> None:
    """0 yes, 3 no or alerts, 4 older than --max-age."""
    assert run(server.url, arguments).status == status


WATCHES = (
    "status",
    "status -n research",
    "nodes",
    "nodes --status Ready",
    "tasks -A",
    "tasks -A --state all",
    "pending -A",
    "alerts",
    "events",
)


@pytest.mark.parametrize("command", WATCHES)
def test_a_watch_ends_with_4_when_its_figures_are_too_old(command: str) -> None:
    """And the last line says how old they are."""
    with lens.running() as server:
        server.age_seconds = 0.4
        for age in (59.9, 60.1):
            server.send("heartbeat", {"timestamp": "2026-11-29T16:01:01Z", "age_seconds": age})
        server.streams = 1
        server.sent.put(None)
        ran = run(server.url, [*command.split(), "-w", "--max-age", "1m"])
    assert ran.status == 4
    *_, before, last = ran.stderr.splitlines()
    assert last.startswith("Data 60.1s old, of 2026-11-29T16:01:01Z")
    # That they are older than 30 s was said once.
    assert before.startswith("Data 59.9s old")


@pytest.mark.parametrize("command", WATCHES)
@pytest.mark.parametrize("age", [0.4, None])
def test_figures_that_are_too_old_or_of_an_unknown_age_are_printed_once(
    command: str, age: float | None
) -> None:
    with lens.running() as server:
        server.age_seconds, server.streams = age, 1
        server.sent.put(None)
        ran = run(server.url, [*command.split(), "-w", "--max-age", "0"])
    assert (ran.status, ran.stdout != "") == (4, True)
    assert [line[:5] for line in ran.stderr.splitlines()] == ["Data "]


def test_figures_grow_old_while_a_stream_is_broken() -> None:
    """No event says so then."""
    with lens.running() as server:
        server.age_seconds, server.streams = 9.999, 1
        server.sent.put(None)
        ran = run(server.url, ["nodes", "-w", "--max-age", "9.9991"])
    assert ran.status == 4
    assert ran.stderr.splitlines()[-1].startswith("Lens has ended the stream")


def test_an_unknown_fit_is_not_a_yes(server: lens.FakeLens) -> None:
    """`fit && apply` doesn't apply what may not fit."""
    server.answers[f"{REALTIME}/fit"] = (
        200,
        {**cluster.FIT_YES, "fits": "unknown", "not_checked": ["volumes"]},
    )
    try:
        ran = run(server.url, ["fit", "--gpus", "1"])
    finally:
        server.answers.clear()
    assert ran.status == 3
    assert "UNKNOWN" in ran.stdout
    assert "volumes that bind a pod to a place" in ran.stdout


def test_a_connection_that_is_closed_after_each_response_will_do(server: lens.FakeLens) -> None:
    """The response is read to its end, and the next request opens another."""
    server.closes = True
    try:
        ran = run(server.url, ["why", "job/large"])
    finally:
        server.closes = False
    assert (ran.status, ran.stdout.split()[0]) == (0, "POD")


def _waiting(server: lens.FakeLens, **more: Any) -> None:
    head = {"cluster": cluster.NAME, "timestamp": cluster.TIMESTAMP, "total_tasks": 1, "continue": None}
    rows = [cluster.waiting("ml-team", "train-0-x7", **more)]
    server.answers[f"{REALTIME}/pending-tasks"] = (200, {**head, "tasks": rows})


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("Deployment", "deploy/train deployment/train deployments.apps/train replicaset/train-0 rs/train-0"),
        ("StatefulSet", "sts/train StatefulSet/train"),
        ("JobSet", "jobset/train jobsets.jobset.x-k8s.io/train job/train-0 pod/train-0-x7 train-0-x7"),
    ],
)
def test_why_takes_workloads_by_the_names_that_kubectl_takes(
    server: lens.FakeLens, kind: str, names: str
) -> None:
    """Those of owners between the pod and its workload too."""
    try:
        _waiting(server, workload_type=kind, workload_name="train", owner="train-0")
        for name in names.split():
            ran = run(server.url, ["why", name])
            assert (ran.status, ran.stdout.split()[:2]) == (0, ["POD", "ml-team/train-0-x7"]), name
        assert run(server.url, ["why", "job/train"]).status == 1
        _waiting(server, workload_type=kind, workload_name="train", owner="train")
        assert run(server.url, ["why", "cronjob/train"]).status == 1
    finally:
        server.answers.clear()


REFUSED = [
    ("fit", "fit --gpus -1", "gpus '-1' is not a number from 0 to 1024", "--gpus '-1' is not a number"),
    ("nodes", "nodes --available -1", "available_min '-1' is not a number", "--available '-1' is not"),
    ("nodes", "nodes --status foo", "status 'foo' is not supported", "--status 'foo' is not supported"),
    ("status", "events --types a", "event_type 'a' is not supported", "--types 'a' is not supported"),
    ("running-tasks", "tasks -n A", "namespace 'A' is not a DNS label", "--namespace 'A' is not"),
    ("running-tasks", "tasks --node A", "node 'A' is not a DNS name", "--node 'A' is not a DNS name"),
]


@pytest.mark.parametrize(("path", "command", "refused", "said"), REFUSED)
def test_a_parameter_that_lens_refuses_is_usage(path: str, command: str, refused: str, said: str) -> None:
    with lens.running() as server:
        server.answers[f"{REALTIME}/{path}"] = (400, f"Invalid parameter: {refused}")
        ran = run(server.url, command.split())
    assert (ran.stdout, ran.status) == ("", 2)
    assert ran.stderr.startswith(f"kubectl lens: {said}")


@pytest.mark.parametrize(
    ("path", "command", "refused", "said"),
    [
        *(each for each in REFUSED if each[0] != "fit" and "-n" not in each[1].split()),
        ("nodes", "nodes --product=", "product '' has not 1 to 64 characters", "--product '' has not"),
        ("status", "events --for node/x", "event_object 'Node/x' is longer", "--for 'Node/x' is longer"),
        ("running-tasks", "tasks --state all --node A", "node 'A' is not a DNS name", "--node 'A' is not"),
    ],
)
def test_a_filter_that_lens_refuses_is_not_waited_for(
    path: str, command: str, refused: str, said: str
) -> None:
    """The stream has no filters; -w sends them with the list, so what is refused once is refused here too."""
    with lens.running() as server:
        server.streams = 1
        server.sent.put(None)
        server.answers[f"{REALTIME}/{path}"] = (400, f"Invalid parameter: {refused}")
        ran = run(server.url, [*command.split(), "-w"])
        name = refused.split()[0]
        assert [target for _, target, _ in server.requests if path in target and f"{name}=" in target]
    assert (ran.stdout, ran.status) == ("", 2)
    assert ran.stderr.startswith(f"kubectl lens: {said}")


def test_a_parameter_that_lens_does_not_know_is_no_usage() -> None:
    with lens.running() as server:
        server.answers[f"{REALTIME}/fit"] = (400, "Invalid parameter: 'gpus' is unknown; known: cluster")
        assert run(server.url, ["fit", "--gpus", "1"]).status == 1


def _claim(reason: str, gpus: int | None) -> dict[str, Any]:
    return {
        "name": "gpus",
        "resource_claim": "train-gpus",
        "ready": False,
        "reason": reason,
        "waits_for": ["gpu.nvidia.com"] if reason == "NOT_ALLOCATED" else [],
        "gpus": gpus,
        "devices": [],
    }


ROOM = {
    "fits": "yes",
    "reason": "a node has room for it: gpu-node-1",
    "reasons": [],
    "complete": True,
    "not_checked": [],
}


@pytest.mark.parametrize(
    ("reason", "gpus", "asks"),
    [
        ("NOT_ALLOCATED", 2, "2 GPUs by claim"),
        ("NOT_ALLOCATED", 1, "1 GPU by claim"),
        ("NOT_ALLOCATED", None, "all GPUs by claim"),
        ("NOT_RESERVED", None, "GPUs by claim"),
    ],
)
def test_why_says_that_a_node_has_room_for_a_pods_claims(
    server: lens.FakeLens, reason: str, gpus: int | None, asks: str
) -> None:
    """The scheduler allocates and reserves claims: nobody else has to do anything."""
    try:
        own = {"resources": {}, "requested_gpus": gpus or 0, "claims": [_claim(reason, gpus)]}
        _waiting(server, **own, fit=ROOM)
        lines = run(server.url, ["why", "train-0-x7"]).stdout.splitlines()
        said = dict(line.split(maxsplit=1) for line in lines if not line.startswith(("NEXT MOVE", " ")))
        assert f" asks for {asks}, and has waited" in said["POD"]
        assert said["REASON"] == "A node has room for it: gpu-node-1"
        (move,) = (line for line in lines if line.startswith("NEXT MOVE"))
        assert move.endswith("wait: a node has room now, and the scheduler's next attempt should bind it")
        _waiting(server, **own, fit=None)
        assert "the claim's controller" not in run(server.url, ["why", "train-0-x7"]).stdout
    finally:
        server.answers.clear()


@pytest.mark.parametrize(
    ("code", "message", "whose"),
    [
        ("claims", "cannot allocate all claims", "wait: for devices that others hold"),
        ("claims", 'running "DynamicResources" filter plugin: no such key: product', "you: change what"),
        ("claim_elsewhere", "resourceclaim not available on the node", "you: the pod's claim has devices"),
        ("invalid_pools", "invalid resource pools were encountered", "an admin: "),
    ],
)
def test_why_says_whose_move_it_is_where_devices_keep_a_pod_off(
    server: lens.FakeLens, code: str, message: str, whose: str
) -> None:
    """As the page does: what others hold is waited for, and a driver's slices are an admin's."""
    short = {"fits": "no", "reasons": [cluster.reason(code, 8, message)], "reason": f"8 nodes: {message}"}
    try:
        _waiting(server, resources={}, claims=[_claim("NOT_ALLOCATED", 4)], fit=ROOM | short)
        (move,) = (
            line
            for line in run(server.url, ["why", "train-0-x7"]).stdout.splitlines()
            if line.startswith("NEXT MOVE")
        )
        assert whose in move
    finally:
        server.answers.clear()
