"""The alerts and events of status."""

from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter

from lens.api.schemas.envelope import Envelope
from lens.api.schemas.status import Status
from lens.model.alerts.alert import Alert, AlertObject
from lens.model.alerts.catalogue import ALERT_TYPES
from lens.model.cluster_state import AlertsAndEvents
from lens.model.events.transitions import Event
from tests.contract.conftest import NOW, Api, Serve
from tests.contract.figures.test_metrics import scrape
from tests.contract.kubernetes import Cluster

LOST = Alert(
    id="GpuLost:GPU/n1/GPU-1",
    type="GpuLost",
    severity="critical",
    message="GPU 1 of n1 is lost: GPU_IS_LOST",
    action="Drain the node and reboot it.",
    since=NOW - 60.9,
    source="GPU/n1/GPU-1",
    about=AlertObject("n1", "GPU-1", 1),
)
IDLE = Alert(
    id="GpusIdle:…",
    type="GpusIdle",
    severity="warning",
    message="idle",
    action="Ask.",
    since=NOW - 5,
    source="Pod/ml-team/a",
    about=AlertObject("n1", namespace="ml-team", pod="a"),
)
EVENTS = (
    Event(NOW - 1, "GpuLost", "GPU/n1/GPU-1", "GPU 1 of n1 is lost"),
    Event(NOW - 2, "TaskStarted", "Pod/ml-team/a", "ml-team/a started", "ml-team"),
    Event(NOW - 3, "TaskStarted", "Pod/ml-team/b", "ml-team/b started", "ml-team"),
)


@pytest.fixture
def found(cluster: Cluster) -> None:
    """Let a look have found two alerts and three events."""
    cluster.state.alerts_and_events = AlertsAndEvents(NOW, (LOST, IDLE), EVENTS)


async def events(api: Api, query: str = "") -> list[Any]:
    data = (await api.status(f"&include=events{query}")).data
    return [event["object"] for event in data["recent_events"]]


async def test_an_alert_says_what_is_wrong_since_when_and_what_to_do(api: Api, found: None) -> None:
    alerts = (await api.status("&include=alerts")).data["alerts"]
    assert alerts[0] == {
        "id": "GpuLost:GPU/n1/GPU-1",
        "severity": "critical",
        "type": "GpuLost",
        "message": "GPU 1 of n1 is lost: GPU_IS_LOST",
        "timestamp": "2025-12-19T15:28:59Z",
        "source": "GPU/n1/GPU-1",
        "namespace": None,
        "node": "n1",
        "gpu_uuid": "GPU-1",
        "gpu_index": 1,
        "pod": None,
        "action": "Drain the node and reboot it.",
    }
    parts = [[alert[name] for name in ("namespace", "pod", "node", "gpu_uuid")] for alert in alerts]
    assert parts == [[None, None, "n1", "GPU-1"], ["ml-team", "a", "n1", None]]


async def test_an_event_says_what_happened_to_what(api: Api, found: None) -> None:
    data = (await api.status("&include=events")).data
    assert "alerts" not in data
    assert data["recent_events"][1] == {
        "timestamp": "2025-12-19T15:29:58Z",
        "type": "TaskStarted",
        "object": "Pod/ml-team/a",
        "message": "ml-team/a started",
        "namespace": "ml-team",
        "source": "lens",
        "reason": None,
    }


async def test_an_event_of_the_apiservers_says_who_wrote_it_and_its_reason(
    api: Api, cluster: Cluster
) -> None:
    told = Event(NOW, "Kubernetes", "Node/n1", "restarted", source="kubelet", reason="Rebooted")
    cluster.state.alerts_and_events = AlertsAndEvents(NOW, (), (told,))
    (event,) = (await api.status("&include=events&event_type=Kubernetes")).data["recent_events"]
    assert event == {
        "timestamp": "2025-12-19T15:30:00Z",
        "type": "Kubernetes",
        "object": "Node/n1",
        "message": "restarted",
        "namespace": None,
        "source": "kubelet",
        "reason": "Rebooted",
    }


async def test_events_can_be_asked_for_by_type_object_and_time(api: Api, found: None) -> None:
    lost, a, b = (event.object for event in EVENTS)
    assert await events(api) == [lost, a, b]
    assert await events(api, "&event_type=TaskStarted") == [a, b]
    assert await events(api, "&event_type=GpuLost,TaskFailed") == [lost]
    assert await events(api, f"&event_object={b}") == [b]
    for since in ("2025-12-19T15:29:58Z", "2025-12-19t15:29:58.000z", "2025-12-19t16:29:58%2B01:00"):
        assert await events(api, f"&event_since={since}") == [lost, a]


async def test_sections_that_were_not_asked_for_are_not_sent(api: Api, found: None) -> None:
    assert (await api.status()).data.keys().isdisjoint({"alerts", "recent_events", "nodes"})


async def test_nothing_wrong_and_nothing_happened_are_empty_lists(api: Api) -> None:
    data = (await api.status("&include=alerts&include=events")).data
    assert (data["alerts"], data["recent_events"]) == ([], [])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("&event_since=yesterday", "event_since 'yesterday' is not an RFC 3339 time"),
        ("&event_since=2025-12-19T15:30:00", "event_since '2025-12-19T15:30:00' is not an RFC 3339 time"),
        ("&event_type=Party", "event_type 'Party' is not supported"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(api: Api, query: str, message: str) -> None:
    status, code, told = (await api.status(query)).error
    assert (status, code) == (400, 4000)
    assert told.startswith(f"Invalid parameter: {message}"), told


async def test_the_answer_is_of_the_promised_type(api: Api, found: None) -> None:
    promised = TypeAdapter(Envelope[Status])
    answer = await api.status("&include=nodes&include=alerts&include=events")
    assert promised.dump_python(promised.validate_json(answer.body, strict=True)) == answer.document


async def test_alerts_are_counted_by_type_and_severity_also_those_that_there_are_not(
    api: Api, cluster: Cluster, found: None
) -> None:
    samples = {name: value for name, value in (await scrape(api)).items() if name.startswith("lens_alerts")}
    assert len(samples) == sum(len(kind.severities) for kind in ALERT_TYPES)
    assert {name for name, value in samples.items() if value} == {
        "lens_alerts{severity=critical}{type=GpuLost}",
        "lens_alerts{severity=warning}{type=GpusIdle}",
    }


async def test_alerts_are_unknown_before_the_first_evaluation(api: Api) -> None:
    assert not any(name.startswith("lens_alerts") for name in await scrape(api))


async def test_the_most_severe_alerts_name_their_objects_to_who_wants_it(
    serve: Serve, cluster: Cluster, found: None
) -> None:
    again = msgspec.structs.replace(LOST, id="GpuLost:again")
    watch = msgspec.structs.replace(LOST, id="WatchStale:…", type="WatchStale", about=AlertObject())
    cluster.state.alerts_and_events = AlertsAndEvents(NOW, (watch, LOST, again, IDLE))
    cluster.publish(NOW)
    assert not [name for name in await scrape(await serve()) if name.startswith("lens_alert_info")]
    lost = "{gpu=1}{namespace=}{node=n1}{pod=}{severity=critical}{type=GpuLost}{uuid=GPU-1}"
    idle = "{gpu=}{namespace=ml-team}{node=n1}{pod=a}{severity=warning}{type=GpusIdle}{uuid=}"
    for most, told in ((2, {lost: 2}), (3, {lost: 2, idle: 1})):
        samples = await scrape(await serve(metrics_alerts=most))
        assert {
            name.removeprefix("lens_alert_info"): value
            for name, value in samples.items()
            if name.startswith("lens_alert_info")
        } == told
