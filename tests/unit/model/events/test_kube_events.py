"""An apiserver's Event has Lens' own type if there is one, and no content does harm."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.events.kube_events import (
    SKEW_SECONDS,
    read_event,
    read_event_line,
)
from lens.model.k8s.bounds import LONGEST_MESSAGE, LONGEST_WORD
from tests.unit.model.manifests import Object
from tests.unit.model.reported import of_node, of_pod, of_scheduler, read

NOW = 1766158200.0
AGO = NOW - 600


def type_of(raw: object) -> str | None:
    report = read(raw, NOW)
    return report.type if report else None


@pytest.mark.parametrize(
    ("raw", "type_"),
    [
        (of_pod("Started", "Started container main", at=AGO), "TaskStarted"),
        (
            of_scheduler("Preempted", "Preempted by pod 12 on node node-1", at=AGO, kind="Normal"),
            "TaskPreempted",
        ),
        (of_pod("Preempting", "to admit a critical pod", at=AGO, kind="Warning"), "TaskPreempted"),
        (of_pod("Evicted", "The node was low on resource: memory.", at=AGO, kind="Warning"), "TaskEvicted"),
        (of_pod("TaintManagerEviction", "Marking for deletion Pod team/train-0", at=AGO), "TaskEvicted"),
        (of_node("NodeReady", at=AGO), "NodeReady"),
        (of_node("NodeNotReady", at=AGO), "NodeNotReady"),
        (of_node("NodeSchedulable", at=AGO), "NodeUncordoned"),
        (of_node("NodeNotSchedulable", at=AGO), "NodeCordoned"),
        (of_scheduler("FailedScheduling", "0/2 nodes are available", at=AGO), "Kubernetes"),
        (of_pod("BackOff", "restarting failed container", at=AGO, kind="Warning"), "Kubernetes"),
        (of_node("Rebooted", at=AGO, kind="Warning"), "Kubernetes"),
    ],
)
def test_known_reasons_have_lens_event_types_and_other_warnings_keep_theirs(raw: Object, type_: str) -> None:
    assert type_of(raw) == type_


@pytest.mark.parametrize(
    "raw",
    [
        of_pod("Pulled", "Container image is already present", at=AGO),
        of_node("Starting", at=AGO),
        of_pod("NodeNotReady", "Node is not ready", at=AGO, kind="Warning"),
        of_pod("Failed", at=AGO, kind="Warning")
        | {"involvedObject": {"kind": "ReplicaSet", "namespace": "team", "name": "a", "uid": "a"}},
    ],
)
def test_what_is_of_no_use_is_left_out(raw: Object) -> None:
    assert type_of(raw) is None


def test_an_eviction_that_was_called_off_is_none() -> None:
    called_off = of_pod("TaintManagerEviction", "Cancelling deletion of Pod team/train-0", at=AGO)
    assert type_of(called_off) is None


def test_an_init_container_that_starts_is_no_task_that_starts() -> None:
    raw = of_pod("Started", at=AGO)
    raw["involvedObject"]["fieldPath"] = "spec.initContainers{preflight}"
    assert type_of(raw) is None


def test_who_may_write_into_one_namespace_can_not_speak_of_another_ones_pods_or_of_nodes() -> None:
    elsewhere = {"name": "e", "namespace": "mine", "resourceVersion": "7"}
    assert type_of(of_pod("Evicted", at=AGO) | {"metadata": elsewhere}) is None
    assert type_of(of_node("NodeNotReady", at=AGO) | {"metadata": elsewhere}) is None


@pytest.mark.parametrize("name", ["lens", "Lens", "", None, "\x00"])
def test_no_event_of_the_apiserver_has_lens_as_its_source(name: str | None) -> None:
    report = read(of_pod("BackOff", at=AGO, kind="Warning", source={}, reportingComponent=name), NOW)
    assert report is not None
    assert report.source == "unknown"


EARLY, LATE = "2025-12-19T15:00:00Z", "2025-12-19T15:10:00.999999Z"
AT_EARLY, AT_LATE = 1766156400.0, 1766157000.0
NONE: dict[str, object] = {"firstTimestamp": None, "lastTimestamp": None, "eventTime": None, "series": None}


@pytest.mark.parametrize(
    ("times", "at"),
    [
        ({"firstTimestamp": EARLY, "lastTimestamp": LATE}, AT_LATE),
        ({"firstTimestamp": EARLY}, AT_EARLY),
        ({"eventTime": EARLY}, AT_EARLY),
        ({"eventTime": EARLY, "series": {"count": 2, "lastObservedTime": LATE}}, AT_LATE),
        ({"eventTime": EARLY, "series": {"count": 2}}, AT_EARLY),
        ({"lastTimestamp": "0001-01-01T00:00:00Z", "eventTime": EARLY}, AT_EARLY),
        ({"lastTimestamp": "9999-12-31T00:00:00Z", "eventTime": EARLY}, AT_EARLY),
        ({"lastTimestamp": "yesterday", "firstTimestamp": EARLY}, AT_EARLY),
    ],
)
def test_an_event_has_its_last_plausible_time(times: Object, at: float) -> None:
    report = read(of_pod("BackOff", at=0, kind="Warning") | NONE | times, NOW)
    assert report is not None
    assert report.at == at


def test_without_any_other_time_it_is_the_one_at_which_the_apiserver_got_it() -> None:
    raw = of_pod("BackOff", at=0, kind="Warning") | NONE
    assert read(raw, NOW) is None
    raw["metadata"]["creationTimestamp"] = EARLY
    report = read(raw, NOW)
    assert report is not None
    assert report.at == AT_EARLY


@pytest.mark.parametrize(("ahead", "at"), [(SKEW_SECONDS, NOW), (SKEW_SECONDS + 1, None)])
def test_another_clock_may_be_a_little_ahead_and_no_event_is_of_the_future(
    ahead: float, at: float | None
) -> None:
    report = read(of_pod("BackOff", at=NOW + ahead, kind="Warning"), NOW)
    assert (report.at if report else None) == at


def test_text_is_one_line_that_can_be_seen_and_no_longer_than_it_may_be() -> None:
    message = "a\x1b[31mred\x00\r\n\u202etxt.exe\ud83d\ude00 " + "x" * 5000
    raw = of_pod("Back\nOff" + "y" * 500, message, at=AGO, kind="Warning")
    report = read(raw, NOW)
    assert report is not None
    assert report.message.isprintable()
    assert report.message.startswith("a [31mred txt.exe😀 xxx")
    assert len(report.message) == LONGEST_MESSAGE
    assert report.reason.startswith("Back Offyyy")
    assert len(report.reason) == LONGEST_WORD


def test_a_line_of_a_deleted_event_is_ignored() -> None:
    raw = of_pod("BackOff", at=AGO, kind="Warning")

    def line(type_: str) -> object:
        return read_event_line(json.dumps({"type": type_, "object": raw}).encode(), NOW)

    assert line("ADDED") == line("MODIFIED") == read(raw, NOW)
    assert line("DELETED") is None
    assert line("ERROR") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
FIELDS = st.dictionaries(st.sampled_from(sorted(of_pod("BackOff", at=AGO))), JSON, max_size=3)


@given(FIELDS, st.binary(max_size=40))
def test_whatever_an_event_has_it_is_read_or_left_out(odd: dict[str, object], cut: bytes) -> None:
    raw = of_pod("BackOff", "again", at=AGO, kind="Warning") | odd
    report = read(raw, NOW)
    if report is not None:
        assert report.message.isprintable()
        assert report.at <= NOW
    assert read_event(cut, NOW) is None
    assert read_event_line(cut, NOW) is None
