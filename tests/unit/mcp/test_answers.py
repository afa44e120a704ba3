"""A model is shown every field of the API's answers that isn't named as one to leave out."""

import msgspec
import pytest

from lens.api.schemas import alerts_and_events, clusters, node_detail, nodes, pending, tasks
from lens.mcp import answers
from lens.mcp.answers import MAX_TEXT_CHARS, subset


class NewTask(tasks.Task):
    """A task with a field that the API has got since."""

    added_since: str


def test_a_field_that_the_api_adds_is_shown() -> None:
    task = subset(NewTask, required=("namespace", "pod_name"), without=("pod_uid",))
    row = {"namespace": "team", "pod_name": "train-0", "pod_uid": "u", "added_since": "v2"}
    read = msgspec.json.decode(msgspec.json.encode(row), type=task)
    assert msgspec.to_builtins(read) == {"namespace": "team", "pod_name": "train-0", "added_since": "v2"}


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        (clusters.Cluster, answers.Cluster),
        (tasks.Task, answers.Task),
        (pending.PendingTask, answers.PendingTask),
        (nodes.Node, answers.Node),
        (node_detail.Gpu, answers.Gpu),
        (alerts_and_events.Alert, answers.Alert),
    ],
)
def test_most_fields_of_the_api_are_shown(schema: type, type_: type[msgspec.Struct]) -> None:
    missing = schema.__annotations__.keys() - set(type_.__struct_encode_fields__)
    assert len(missing) < len(schema.__annotations__) / 2


def test_a_field_that_the_api_has_no_more_is_found() -> None:
    with pytest.raises(ValueError, match="Task has no gone"):
        subset(tasks.Task, required=("namespace",), without=("gone",))


def test_null_and_empty_fields_are_left_out_and_texts_are_cut() -> None:
    row = {
        "namespace": "team",
        "pod_name": "train-0",
        "priority": 0,
        "affinity": False,
        "reason": None,
        "message": "x" * 1000,
        "tolerations": [],
        "node_selector": {},
    }
    read = msgspec.json.decode(msgspec.json.encode(row), type=answers.PendingTask)
    assert msgspec.to_builtins(read) == {
        "namespace": "team",
        "pod_name": "train-0",
        "priority": 0,
        "message": "x" * (MAX_TEXT_CHARS - 1) + "…",
    }


def test_a_row_without_its_name_is_none() -> None:
    with pytest.raises(msgspec.ValidationError, match="pod_name"):
        msgspec.json.decode(b'{"namespace": "team"}', type=answers.Task)


def test_the_token_of_the_next_page_stays_whole() -> None:
    page = {"cluster": "c", "timestamp": "t", "total_tasks": 0, "tasks": [], "continue": "x" * 4000}
    read = msgspec.json.decode(msgspec.json.encode(page), type=answers.Tasks)
    assert msgspec.to_builtins(read) == page
