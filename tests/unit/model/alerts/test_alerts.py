"""What is wrong is told, by a name that lasts as long as it does, and what isn't wrong pages nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from msgspec import structs

from lens.model.alerts.alert import Alert, Finding, Thresholds, in_order
from lens.model.alerts.catalogue import ALERT_TYPES
from lens.model.alerts.gpu_rules import GPU_ALERTS, NodeGpu
from lens.model.gpu.node_report import Holder
from lens.model.gpu.telemetry import InstanceTelemetry
from tests.unit.model.dra_manifests import DRIVER, claim, gpu, resource_slice, result
from tests.unit.model.manifests import Object, container, node, pod
from tests.unit.model.watched import AT_ONCE, START, Watched

GPU = "nvidia.com/gpu"


def holder(pod_name: str, index: int) -> Holder:
    return Holder("team", pod_name, "main", GPU, f"GPU-{index}", gpu_uuid=f"GPU-{index}")


def types(watched: Watched) -> set[str]:
    return set(watched.alerts())


def waiting(**metadata: object) -> Object:
    created = {"creationTimestamp": "2025-12-19T15:20:00Z", "uid": "u"}
    return pod(
        container(gpus=4), node=None, phase="Pending", metadata={"name": "train-0"} | created | metadata
    )


def test_a_cluster_that_is_well_has_no_alerts() -> None:
    watched = Watched()
    watched.put(node("node-1", 8), pod(container(gpus=1)))
    watched.tell("node-1", watched.gpu(0, utilization_percent=97.0, recovery_action="NONE"))
    assert watched.alerts() == {}


@dataclass
class Case:
    """A GPU, and the alert that it is worth."""

    state: str
    because: tuple[str, ...]
    alert: str
    severity: str
    fields: dict[str, object] = field(default_factory=dict)


@pytest.mark.parametrize(
    "case",
    [
        Case("lost", ("GPU_IS_LOST",), "GpuLost", "critical"),
        Case(
            "critical",
            ("recovery action GPU_RESET",),
            "GpuRecoveryAction",
            "critical",
            {"recovery_action": "GPU_RESET"},
        ),
        Case("critical", ("row remapping failed",), "GpuRowRemapFailed", "critical"),
        Case("warning", ("row remapping pending",), "GpuRowRemapPending", "warning"),
        Case("critical", ("XID 79",), "GpuXid", "critical"),
        Case("warning", ("XID 79",), "GpuXid", "warning", {"recovery_action": "NONE"}),
        Case("warning", ("XID 48",), "GpuXid", "warning"),
        Case("critical", ("bad pages",), "GpuUnhealthy", "critical"),
        Case("ok", (), "GpuEccErrors", "warning", {"ecc_uncorrected": 3}),
        Case("ok", (), "GpuThrottled", "warning", {"clock_events": ("hw_thermal_slowdown",)}),
        Case("ok", (), "GpuThrottled", "warning", {"clock_events": ("gpu_idle", "hw_power_brake")}),
    ],
    ids=lambda case: f"{case.alert}, {case.severity}",
)
def test_a_gpu_in_trouble_is_one_alert_of_its_kind(case: Case) -> None:
    watched = Watched()
    watched.put(node("node-1", 8))
    watched.tell("node-1", watched.gpu(3, case.state, *case.because, **case.fields))
    ((type_, alert),) = watched.alerts().items()
    assert (type_, alert.severity) == (case.alert, case.severity)
    assert alert.source == "GPU/node-1/GPU-3"
    assert alert.message.startswith("GPU 3 of node-1 ")
    assert (alert.about.namespace, alert.about.pod) == (None, None)
    assert alert.source == f"GPU/{alert.about.node}/{alert.about.gpu_uuid}"
    assert f"GPU {alert.about.gpu_index} of " in alert.message


@pytest.mark.parametrize(
    "fields",
    [{"clock_events": ("gpu_idle", "sw_power_cap")}, {"ecc_uncorrected": 0}, {"recovery_action": "NONE"}],
)
def test_what_is_normal_of_a_gpu_pages_nobody(fields: dict[str, object]) -> None:
    watched = Watched()
    watched.put(node("node-1", 8))
    watched.tell("node-1", watched.gpu(0, "ok", **fields))
    assert watched.alerts() == {}


def test_an_xid_of_a_program_pages_nobody_even_if_it_is_named() -> None:
    watched = Watched()
    watched.put(node("node-1", 8))
    watched.tell("node-1", watched.gpu(0, "unknown", "XID 31"))
    assert watched.alerts() == {}


def test_two_xids_of_one_gpu_are_two_alerts() -> None:
    watched = Watched()
    watched.put(node("node-1", 8))
    watched.tell("node-1", watched.gpu(0, "warning", "XID 63", "XID 94"))
    assert {alert.id for alert in watched.look().alerts} == {
        "GpuXid:GPU/node-1/GPU-0:63",
        "GpuXid:GPU/node-1/GPU-0:94",
    }


def test_unhealthy_devices_of_the_plugin_raise_an_alert_without_an_agent() -> None:
    watched = Watched()
    watched.put(node("node-1", capacity={GPU: 8}, allocatable={GPU: 6}))
    alert = watched.alerts()["DevicesUnhealthy"]
    assert alert.severity == "critical"
    assert alert.message == "2 of 8 nvidia.com/gpu on node-1 are unhealthy"
    watched.put(node("node-1", 8))
    assert watched.alerts() == {}


def test_a_node_that_has_lost_all_its_gpus_has_lost_its_device_plugin() -> None:
    watched = Watched()
    watched.put(node("node-1", 0))
    assert types(watched) == {"DevicePluginGone"}
    # Under MIG's mixed strategy the whole GPUs are none, and their parts are there.
    watched.put(node("node-1", capacity={GPU: 0, "nvidia.com/mig-1g.10gb": 7}, allocatable={GPU: 0}))
    assert "DevicePluginGone" not in types(watched)


def test_a_node_whose_gpus_a_dra_driver_hands_out_has_not_lost_its_device_plugin() -> None:
    watched = Watched()
    watched.put(node("node-1", 0), resource_slice(gpu(0), gpu(1)))
    assert types(watched) == set()
    # One that never had a device plugin.
    watched.put(node("node-1", capacity={}, allocatable={}))
    assert types(watched) == set()


def test_gpus_that_claims_hold_for_no_pod_are_told_with_the_claims() -> None:
    watched = Watched(Thresholds(idle_seconds=3600, clear_seconds=0))
    claims = [claim(result(f"gpu-{each}"), name=f"claim-{each}") for each in range(6)]
    watched.put(node("node-1", 0), resource_slice(*map(gpu, range(6))), *claims)
    watched.look()
    assert watched.alerts(after=3599) == {}
    (alert,) = watched.alerts(after=1).values()
    assert (alert.type, alert.severity, alert.source) == ("GpusHeldWithoutPod", "warning", "Node/node-1")
    assert alert.message == (
        "6 GPUs of node-1 are held for no pod: by team/claim-0, team/claim-1, team/claim-2, team/claim-3 "
        "and 2 more claims"
    )


def test_a_pool_that_cannot_be_counted_is_told_with_its_reason() -> None:
    watched = Watched()
    watched.put(node("node-1", 0), resource_slice(gpu(0), count=2))
    (alert,) = watched.alerts().values()
    assert (alert.type, alert.source) == ("PoolNotCounted", f"ResourcePool/{DRIVER}/node-1")
    assert alert.message == f"Pool node-1 of {DRIVER} can't be counted: INCOMPLETE, 1 of 2 slices"
    watched.put(resource_slice(gpu(1), name="node-1-b", count=2))
    assert types(watched) == set()


def test_a_node_that_is_not_ready_is_worse_while_pods_hold_gpus_there() -> None:
    watched = Watched()
    watched.put(node("node-1", 8, ready="Unknown"))
    before = watched.alerts()["NodeNotReady"]
    watched.put(pod(container(gpus=1)))
    after = watched.alerts()["NodeNotReady"]
    assert (before.severity, after.severity) == ("warning", "critical")
    assert (before.id, before.since) == (after.id, after.since)


def test_a_cordoned_node_is_worth_a_word_only_while_it_holds_pods() -> None:
    watched = Watched()
    watched.put(node("node-1", 8, unschedulable=True))
    assert types(watched) == set()
    watched.put(pod(container(gpus=1)))
    assert types(watched) == {"NodeCordoned"}


def test_overcommitment_raises_an_alert() -> None:
    watched = Watched()
    watched.put(node("node-1", 2), pod(container(gpus=5)))
    assert watched.alerts()["Overcommitted"].message == "Pods hold 3 more GPUs on node-1 than it has"


def test_an_idle_gpu_pod_raises_an_alert_in_its_namespace() -> None:
    watched = Watched(Thresholds(idle_seconds=600, idle_percent=2.0, clear_seconds=0))
    watched.put(node("node-1", 8), pod(container(gpus=1), name="idle"), pod(container(gpus=1), name="busy"))
    for seconds in range(0, 700, 10):
        watched.tell(
            "node-1",
            watched.gpu(0, utilization_percent=2.0),
            watched.gpu(1, utilization_percent=60.0),
            holders=(holder("idle", 0), holder("busy", 1)),
        )
        alerts = watched.alerts(after=10)
        assert ("GpusIdle" in alerts) == (seconds >= 600), seconds
    assert alerts["GpusIdle"].source == "Pod/team/idle"
    about = alerts["GpusIdle"].about
    assert (about.namespace, f"Pod/team/{about.pod}") == ("team", alerts["GpusIdle"].source)
    assert about.node is not None


def test_a_pod_that_works_now_and_then_is_never_idle() -> None:
    watched = Watched(Thresholds(idle_seconds=100))
    watched.put(node("node-1", 8), pod(container(gpus=1)))
    for seconds in range(0, 1000, 10):
        percent = 50.0 if seconds % 90 == 0 else 0.0
        watched.tell("node-1", watched.gpu(0, utilization_percent=percent), holders=(holder("train-0", 0),))
        assert watched.alerts(after=10) == {}


def test_a_pod_whose_work_nobody_knows_is_not_called_idle() -> None:
    watched = Watched()
    watched.put(node("node-1", 8), pod(container(gpus=1)))
    watched.tell("node-1", watched.gpu(0), holders=(holder("train-0", 0),))
    assert watched.alerts() == {}


def test_a_long_pending_pod_raises_an_alert_with_the_schedulers_reason() -> None:
    watched = Watched(Thresholds(pending_seconds=900))
    unschedulable = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
    }
    watched.put(waiting() | {"status": {"phase": "Pending", "conditions": [unschedulable]}})
    # It was created ten minutes ago: restarting Lens doesn't make it younger.
    assert watched.alerts(after=299) == {}
    alert = watched.alerts(after=1)["PodPending"]
    assert alert.since == START - 600
    assert (alert.severity, alert.about.namespace, alert.about.node) == ("warning", "team", None)
    assert alert.source == f"Pod/team/{alert.about.pod}"
    assert alert.message == (
        "team/train-0 waits for 4 GPUs: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    )


def test_a_pod_that_asks_for_no_known_number_of_gpus_waits_for_more_than_none() -> None:
    watched = Watched()
    waits = waiting()
    waits["spec"] |= {
        "containers": [container()],
        "resourceClaims": [{"name": "gpus", "resourceClaimName": "all"}],
    }
    all_gpus = claim(name="all", allocationMode="All")
    for each in (all_gpus, claim(result("gpu-0"), name="all", pods=["other"])):
        watched.put(each, waits)
        message = watched.alerts()["PodPending"].message
        assert message.startswith("team/train-0 waits for GPUs by claim: "), message


def test_a_queued_pod_is_distinct_from_an_unschedulable_one() -> None:
    watched = Watched()
    gated = waiting()
    gated["spec"]["schedulingGates"] = [{"name": "kueue.x-k8s.io/admission"}]
    watched.put(gated)
    alert = watched.alerts()["PodPending"]
    assert alert.severity == "info"
    assert "gated by kueue.x-k8s.io/admission" in alert.message


def test_a_pod_of_the_same_name_waits_for_itself() -> None:
    watched = Watched()
    watched.put(waiting(uid="first"))
    first = watched.alerts()["PodPending"]
    watched.put(waiting(uid="second"))
    second = watched.alerts()["PodPending"]
    assert first.id != second.id


def test_a_pod_that_was_bound_or_is_being_deleted_waits_no_more() -> None:
    watched = Watched()
    watched.put(waiting())
    assert types(watched) == {"PodPending"}
    watched.put(waiting(deletionTimestamp="2025-12-19T15:30:00Z"))
    assert types(watched) == set()
    watched.put(waiting())
    assert types(watched) == {"PodPending"}
    watched.put(node("node-1", 8), pod(container(gpus=4), metadata={"uid": "u"}))
    assert types(watched) == set()


def test_stale_telemetry_raises_an_alert() -> None:
    watched = Watched(Thresholds(agent_seconds=60, clear_seconds=0))
    watched.put(node("node-1", 8))
    watched.tell("node-1", watched.gpu())
    assert watched.alerts(after=31) == {}
    assert watched.alerts(after=59) == {}
    assert "can't be read" in watched.alerts(after=1)["AgentStale"].message
    watched.tell("node-1", watched.gpu())
    assert watched.alerts() == {}


def test_alerts_of_the_last_report_stay_while_the_agent_is_silent() -> None:
    watched = Watched()
    watched.put(node("node-1", 8))
    watched.tell("node-1", watched.gpu(0, "lost", "GPU_IS_LOST"))
    assert types(watched) == {"GpuLost"}
    watched.look(after=100)
    assert set(watched.alerts()) == {"GpuLost", "AgentStale"}
    watched.tell("node-1", watched.gpu())
    assert watched.alerts() == {}


def test_an_idle_pod_that_is_gone_has_no_alert_even_where_the_agent_is_silent() -> None:
    watched = Watched()
    idle = pod(container(gpus=1), name="idle")
    watched.put(node("node-1", 8), idle)
    watched.tell("node-1", watched.gpu(0, utilization_percent=0.0), holders=(holder("idle", 0),))
    assert types(watched) == {"GpusIdle"}
    watched.look(after=100)
    assert types(watched) == {"GpusIdle", "AgentStale"}
    # Another pod of its name is not it.
    watched.put(pod(container(gpus=1), name="idle", metadata={"uid": "another"}))
    assert types(watched) == {"AgentStale"}
    watched.delete(idle)
    assert types(watched) == {"AgentStale"}


@pytest.mark.parametrize("told", [0, 3, 7])
def test_too_few_reported_gpus_raise_an_alert(told: int) -> None:
    watched = Watched()
    watched.put(node("node-1", 8), pod(container(gpus=8)))
    watched.tell("node-1", in_all=told)
    alert = watched.alerts()["GpusNotReported"]
    assert (alert.severity, alert.source) == ("warning", "Node/node-1")
    assert alert.message == f"The telemetry of node-1 lacks {8 - told} of 8 GPUs"
    watched.tell("node-1")
    assert types(watched) == set()


def test_more_reported_gpus_or_no_report_raise_no_alert() -> None:
    watched = Watched()
    watched.put(node("node-1", 4))
    watched.tell("node-1", in_all=8)
    assert types(watched) == set()
    watched.tell_stale("node-1")
    assert types(watched) == {"AgentStale"}


def test_partitions_that_count_as_gpus_raise_an_alert() -> None:
    watched = Watched()
    watched.put(node("node-1", capacity={"amd.com/gpu": 8}, allocatable={"amd.com/gpu": 8}))
    parts = tuple(
        InstanceTelemetry(f"part-{part}", part, 0, "cpx_nps4", 5.0, None, None) for part in range(8)
    )
    watched.tell("node-1", structs.replace(watched.gpu(), instances=parts), in_all=1)
    assert "GpusNotReported" not in types(watched)


def test_gpus_of_another_vendor_are_not_missed_in_an_agents_report() -> None:
    watched = Watched()
    mixed = {"nvidia.com/gpu": 4, "gpu.intel.com/i915": 1, "amd.com/gpu": 2}
    watched.put(node("mixed", capacity=mixed, allocatable=mixed))
    watched.put(node("gaudi", capacity={"habana.ai/gaudi": 8}, allocatable={"habana.ai/gaudi": 8}))
    watched.tell("mixed", in_all=4)
    watched.tell("gaudi", in_all=0)
    assert "GpusNotReported" not in types(watched)
    watched.tell("mixed", in_all=3)
    assert watched.alerts()["GpusNotReported"].message == "The telemetry of mixed lacks 1 of 4 GPUs"


def test_a_silent_watch_raises_an_alert() -> None:
    watched = Watched()
    watched.contact = START
    assert watched.alerts(after=60) == {}
    alert = watched.alerts(after=1)["WatchStale"]
    assert (alert.source, alert.since, alert.severity) == ("Watch/pods", START, "critical")


def test_unreadable_objects_raise_an_alert_without_their_names() -> None:
    watched = Watched()
    watched.skipped = {"pods": 2, "nodes": 0}
    alert = watched.alerts()["ObjectsSkipped"]
    assert alert.message == "2 pods can't be decoded, or parts of them, and are in no figure"


@pytest.mark.parametrize(
    ("number", "resource", "objects"),
    [
        (1, "nodes", "1 node can't be decoded, or a part of it, and is"),
        (1, "deviceclasses", "1 deviceclass can't be decoded, or a part of it, and is"),
        (2, "deviceclasses", "2 deviceclasses can't be decoded, or parts of them, and are"),
        (1, "resourceslices", "1 resourceslice can't be decoded, or a part of it, and is"),
    ],
)
def test_skipped_objects_are_counted_in_words(number: int, resource: str, objects: str) -> None:
    watched = Watched()
    watched.skipped = {resource: number}
    assert watched.alerts()["ObjectsSkipped"].message == f"{objects} in no figure"


def test_nothing_is_wrong_with_a_cluster_that_was_not_listed_yet() -> None:
    watched = Watched()
    watched.put(node("node-1", 0))
    assert watched.look(synced=False).alerts == ()


def test_the_gravest_come_first_and_of_those_the_newest() -> None:
    def alert(severity: str, since: float) -> Alert:
        id_ = f"{severity} {since:g}"
        return Alert(id_, "GpuLost", severity, "", "", since, "")  # type: ignore[arg-type]

    alerts = [alert("info", 9), alert("critical", 1), alert("warning", 5), alert("critical", 3)]
    assert [each.id for each in in_order(alerts)] == ["critical 3", "critical 1", "warning 5", "info 9"]


# Hysteresis


def test_what_does_not_last_is_no_alert() -> None:
    watched = Watched(Thresholds(for_seconds=30))
    watched.put(node("node-1", 0))
    assert watched.alerts() == {}
    assert watched.alerts(after=29) == {}
    watched.put(node("node-1", 8))
    assert watched.alerts() == {}
    # It starts anew.
    watched.put(node("node-1", 0))
    assert watched.alerts() == {}
    assert watched.alerts(after=29) == {}
    assert set(watched.alerts(after=1)) == {"DevicePluginGone"}


def test_an_alert_keeps_its_id_and_time_however_its_condition_flickers() -> None:
    watched = Watched(Thresholds(for_seconds=10, clear_seconds=60))
    watched.put(node("node-1", 0))
    watched.look()
    first = watched.alerts(after=10)["DevicePluginGone"]
    assert first.since == START + 1
    for _ in range(5):
        watched.put(node("node-1", 8))
        assert watched.alerts(after=59)["DevicePluginGone"] == first
        watched.put(node("node-1", 0))
        assert watched.alerts()["DevicePluginGone"] == first
    watched.put(node("node-1", 8))
    assert set(watched.alerts(after=59)) == {"DevicePluginGone"}
    assert watched.alerts(after=1) == {}


def test_a_clock_that_is_set_back_neither_hides_an_alert_nor_keeps_it() -> None:
    watched = Watched(Thresholds(for_seconds=30, clear_seconds=60))
    watched.put(node("node-1", 0))
    assert watched.alerts() == {}
    assert watched.alerts(after=-3600) == {}
    assert watched.alerts(after=29) == {}
    first = watched.alerts(after=1)["DevicePluginGone"]
    assert first.since == watched.now - 30
    # One that is there began in the future, and a sound node was last sick then.
    again = watched.alerts(after=-3600)["DevicePluginGone"]
    assert (again.id, again.since) == (first.id, watched.now)
    watched.put(node("node-1", 8))
    assert set(watched.alerts(after=-3600)) == {"DevicePluginGone"}
    assert set(watched.alerts(after=59)) == {"DevicePluginGone"}
    assert watched.alerts(after=1) == {}


def test_a_pod_that_was_created_in_the_future_waits_since_it_is_known() -> None:
    watched = Watched(Thresholds(pending_seconds=900))
    watched.put(waiting(creationTimestamp="2025-12-19T16:30:00Z"))
    assert watched.alerts() == {}
    assert watched.alerts(after=899) == {}
    assert watched.alerts(after=1)["PodPending"].since == watched.now - 900


def test_a_message_follows_its_condition_while_the_alert_lasts() -> None:
    watched = Watched()
    watched.put(node("node-1", capacity={GPU: 8}, allocatable={GPU: 7}))
    before = watched.alerts()["DevicesUnhealthy"]
    watched.put(node("node-1", capacity={GPU: 8}, allocatable={GPU: 5}))
    after = watched.alerts()["DevicesUnhealthy"]
    assert after.message.startswith("3 of 8")
    assert (after.id, after.since) == (before.id, before.since)


def test_two_replicas_give_an_alert_one_id() -> None:
    ids = []
    for limits in (AT_ONCE, Thresholds(for_seconds=0, clear_seconds=5)):
        watched = Watched(limits)
        watched.put(node("node-1", 0))
        ids.append(watched.alerts()["DevicePluginGone"].id)
    assert ids[0] == ids[1] == "DevicePluginGone:Node/node-1"


def test_every_alert_type_says_what_it_means_and_what_to_do() -> None:
    for kind in ALERT_TYPES:
        assert kind.severities
        assert not kind.summary.endswith(".")
        assert all(text.endswith(".") for text in (kind.meaning, kind.action, kind.guide or "."))
        assert kind.lasting is None or kind.lasting in Thresholds.__struct_fields__
    assert len({kind.type for kind in ALERT_TYPES}) == len(ALERT_TYPES)


def test_every_alert_type_has_a_case_in_which_it_is_raised_beside_others() -> None:
    raised: set[str] = set()
    for watched in (troubled(), crowded()):
        raised |= {alert.type for alert in watched.look().alerts}
    assert raised == {kind.type for kind in ALERT_TYPES}


def troubled() -> Watched:
    """Return a cluster in which everything is wrong at once."""
    watched = Watched()
    watched.contact, watched.skipped = START - 1000, {"nodes": 1}
    watched.put(
        node("node-0", 0),
        node("node-1", capacity={GPU: 8}, allocatable={GPU: 7}, ready="False", unschedulable=True),
        pod(container(gpus=9)),
        waiting(name="waiting", uid="waiting"),
        node("node-2", 0),
        resource_slice(gpu(0), name="node-2", pool="node-2", node="node-2", count=2),
        claim(result("gpu-0", pool="node-2"), node="node-2"),
    )
    watched.tell_stale("node-0")
    watched.tell(
        "node-1",
        watched.gpu(0, "lost", "GPU_IS_LOST"),
        watched.gpu(1, "critical", "recovery action GPU_RESET", recovery_action="GPU_RESET"),
        watched.gpu(2, "critical", "bad pages"),
        watched.gpu(3, "warning", "XID 48", "row remapping pending", clock_events=("hw_power_brake",)),
        watched.gpu(4, "critical", "row remapping failed", ecc_uncorrected=1),
        watched.gpu(5, utilization_percent=0.0),
        holders=(holder("train-0", 5),),
        in_all=7,
    )
    return watched


def crowded() -> Watched:
    """Return a cluster with more alerts of a node's GPUs than are shown."""
    watched = Watched()
    watched.put(node("node-1", 8))
    watched.tell("node-1", *(watched.gpu(index, "lost", "GPU_IS_LOST") for index in range(65)))
    return watched


@pytest.mark.parametrize(
    ("number", "pods"), [(0, "no pod holds GPUs"), (1, "1 pod holds GPUs"), (2, "2 pods hold GPUs")]
)
def test_a_message_counts_in_the_right_number(number: int, pods: str) -> None:
    watched = Watched()
    watched.put(node("node-1", 8, ready="False"))
    watched.put(*(pod(container(gpus=1), name=f"train-{each}") for each in range(number)))
    assert watched.alerts()["NodeNotReady"].message == f"node-1 is not ready, and {pods} there"


def test_a_rule_is_applied_to_a_healthy_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GPU_ALERTS, "types", [*GPU_ALERTS.types])

    @GPU_ALERTS.declare(
        "GpuHot", severities=("warning",), summary="Hot GPUs", meaning="It is hot.", action="Cool it."
    )
    def gpu_hot(subject: NodeGpu) -> Iterator[Finding]:
        if (subject.gpu.temperature_celsius or 0) > 90:
            yield subject.finding("is hot")

    watched = Watched()
    watched.put(node("node-1", 8))
    watched.tell("node-1", watched.gpu(temperature_celsius=95))
    alert = watched.alerts()["GpuHot"]
    assert (alert.message, alert.action) == ("GPU 0 of node-1 is hot", "Cool it.")
