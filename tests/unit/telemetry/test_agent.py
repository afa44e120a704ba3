"""An agent's report reaches the operator as it is meant, or not at all."""

from typing import Any

import pytest

from lens.model.gpu.node_report import MAX_ALLOCATABLE, MAX_PROCESSES, Claimed, Health
from lens.model.gpu.telemetry import NodeTelemetry, PodShare
from lens.telemetry.agent import NO_POD, TOO_MANY_PROCESSES, read_agent
from lens.telemetry.scrape_client import ScrapeResponse
from lens.telemetry.scrape_error import ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from tests.unit.telemetry.reports import AGENT, Object, gpu, process, report, written

DATE = "Thu, 01 Jan 1970 00:16:41 GMT"
"""1001 s after the epoch: one second after the samples."""


def read(raw: Object, date: str | None = DATE, received_at: float = 5000.0) -> ScrapeResult:
    return read_agent(AGENT, ScrapeResponse(written(raw), date), received_at)


def refusal(body: bytes) -> ScrapeError:
    with pytest.raises(ScrapeError) as refused:
        read_agent(AGENT, ScrapeResponse(body, DATE), 5000.0)
    return refused.value


def test_the_ids_that_a_kubelet_gives_out_say_how_often_devices_are_offered() -> None:
    shared = {"nvidia.com/gpu": ["GPU-1::0", "GPU-1::1"], "nvidia.com/mig-1g.10gb": ["MIG-1", "MIG-2"]}
    assert read(report(allocatable=shared)).telemetry.replicas == {"nvidia.com/gpu": 2}
    assert read(report(allocatable={})).telemetry.replicas == {}
    assert read(report(allocatable=None)).telemetry.replicas is None
    many = [f"GPU-{number // 2}::{number % 2}" for number in range(MAX_ALLOCATABLE + 2)]
    assert read(report(allocatable={"nvidia.com/gpu": many})).telemetry.replicas == {}


def test_a_report_is_stored_unchanged() -> None:
    held = {
        "namespace": "team",
        "pod": "train-0",
        "container": "main",
        "resource": "nvidia.com/gpu",
        "device_id": "GPU-1",
        "gpu_uuid": "GPU-1",
    }
    claimed = {
        "namespace": "team",
        "pod": "train-1",
        "container": "main",
        "claim": "train-1-gpu",
        "driver": "gpu.nvidia.com",
        "pool": "node-1",
        "device": "gpu-0",
    }
    telemetry = read(report(holders=[held], claimed=[claimed])).telemetry
    (shown,) = telemetry.gpus
    assert (telemetry.node, telemetry.source, telemetry.problem) == ("node-1", "agent", None)
    assert (shown.uuid, shown.product, shown.utilization_percent) == ("GPU-1", "NVIDIA H100 80GB HBM3", 73.2)
    assert (shown.memory_used_bytes, shown.memory_total_bytes) == (45520809984, 85520809984)
    assert (shown.temperature_celsius, shown.power_watts, shown.recovery_action) == (55, 512.1, "NONE")
    assert (shown.health, shown.reasons) == (Health(state="ok"), {})
    assert [each.pod for each in telemetry.holders_of(shown)] == ["train-0"]
    assert telemetry.claimed == (Claimed(**claimed),)


def test_an_unknown_value_keeps_its_reason() -> None:
    lost = gpu(
        utilization_percent=None,
        processes=None,
        reasons={
            "utilization_percent": "GPU_IS_LOST",
            "energy_joules": "GPU_IS_LOST",
            "processes": "OTHER_PID_NAMESPACE",
        },
    )
    (shown,) = read(report(lost)).telemetry.gpus
    assert shown.utilization_percent is None
    assert shown.reasons == {"utilization_percent": "GPU_IS_LOST", "shares": "OTHER_PID_NAMESPACE"}


def test_processes_are_added_up_by_pod() -> None:
    processes = [
        process(1, pod_uid="a", used_memory_bytes=10, utilization_percent=70.0),
        process(2, pod_uid="a", used_memory_bytes=5, utilization_percent=40.0),
        process(3, pod_uid="b", used_memory_bytes=None, utilization_percent=None),
        process(4, pod_uid="a", instance=3),
        process(5),
    ]
    (shown,) = read(report(gpu(processes=processes))).telemetry.gpus
    assert shown.shares == (
        PodShare("a", None, 15, 100.0),
        PodShare("b", None, None, None),
        PodShare("a", 3, 1000, 10.0),
    )


def test_an_agent_that_knows_no_process_reports_no_shares() -> None:
    (shown,) = read(report(gpu(processes=[process(1), process(2)]))).telemetry.gpus
    assert shown.shares is None
    assert shown.reasons == {"shares": NO_POD}


def test_the_shares_of_a_gpu_with_too_many_processes_are_unknown() -> None:
    many = [process(each, pod_uid="a") for each in range(MAX_PROCESSES)]
    (shown,) = read(report(gpu(processes=many), cut=["processes"])).telemetry.gpus
    assert (shown.shares, shown.reasons) == (None, {"shares": TOO_MANY_PROCESSES})


def test_mig_devices_keep_their_utilization() -> None:
    part = {
        "uuid": "MIG-a",
        "gpu_instance_id": 7,
        "compute_instance_id": 0,
        "profile": "1g.10gb",
        "utilization_percent": None,
        "reasons": {"utilization_percent": "NOT_SUPPORTED"},
    }
    (shown,) = read(report(gpu(instances=[part]))).telemetry.gpus
    assert [(each.uuid, each.profile, each.reasons) for each in shown.instances] == [
        ("MIG-a", "1g.10gb", {"utilization_percent": "NOT_SUPPORTED"})
    ]


@pytest.mark.parametrize("skew", [0.0, -86400.0, 86400.0], ids=["right", "a day slow", "a day fast"])
def test_a_samples_age_is_right_whatever_the_nodes_clock_says(skew: float) -> None:
    # The node's clock says 1000 at the sample and 1001 as it answers, whatever the operator's says.
    telemetry = read(report(gpu(sampled_at=997.0)), received_at=1001.5 + skew).telemetry
    assert telemetry.sampled_at == pytest.approx(1000.0 + skew)
    assert telemetry.gpus[0].sampled_at == pytest.approx(997.0 + skew)


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_without_a_date_the_last_round_counts_as_just_over(date: str | None) -> None:
    telemetry = read(report(gpu(sampled_at=997.0)), date).telemetry
    assert telemetry.sampled_at == 5000.0
    assert telemetry.gpus[0].sampled_at == 4997.0


@pytest.mark.parametrize(
    "raw",
    [report(sampled_at=1e10), report(gpu(sampled_at=1e10)), report(gpu(sampled_at=1004.0))],
    ids=["the round", "a GPU", "a GPU, by seconds"],
)
def test_a_sample_from_the_future_counts_as_taken_now(raw: Object) -> None:
    reading = read(raw)
    assert reading.warnings == {"future"}
    assert reading.telemetry.sampled_at is not None
    assert reading.telemetry.sampled_at <= 5000.0
    assert reading.telemetry.gpus[0].sampled_at <= 5000.0


def test_a_date_without_fractions_of_a_second_makes_no_future() -> None:
    assert read(report(gpu(sampled_at=1001.9), sampled_at=1001.9)).warnings == frozenset()


def test_before_the_first_sample_nothing_is_known_with_a_reason() -> None:
    telemetry = read(report(sampled_at=None, gpus=[])).telemetry
    assert telemetry == NodeTelemetry(node="node-1", source="agent", problem="no sample yet")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"driver": {"state": "failed", "reason": "LIB_RM_VERSION_MISMATCH"}},
            "driver failed: LIB_RM_VERSION_MISMATCH",
        ),
        ({"driver": {"state": "absent"}}, None),
        ({"kubelet": {"state": "slow", "reason": "no answer"}, "holders": None}, "kubelet slow: no answer"),
        ({"kubelet": {"state": "missing"}}, "kubelet missing"),
    ],
)
def test_an_error_of_driver_or_kubelet_is_the_nodes_problem(
    fields: dict[str, Any], problem: str | None
) -> None:
    assert read(report(**fields)).telemetry.problem == problem


def test_fields_of_a_newer_agent_are_ignored() -> None:
    assert read(report(gpu(sparkle=[1, {}]), sparkle=True)).telemetry.gpus[0].uuid == "GPU-1"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"<html><body>It works!</body></html>", "not_json"),
        (written(report(gpu(utilization_percent=float("nan")))), "not_json"),
        (written(report(gpu(utilization_percent=float("inf")))), "not_json"),
        (written(report()).replace(b"NVIDIA", b"\xff\xfe"), "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (written(report())[:-1], "not_json"),
        (b"[]", "invalid"),
        (b"{}", "invalid"),
        (written(report(node=7)), "invalid"),
        (written(report(*[gpu(index=-1, uuid=f"GPU-{i}") for i in range(64)], holders=[5])), "invalid"),
        (written(report(*[gpu(uuid=f"GPU-{i}") for i in range(1000)])), "invalid"),
        (written(report(gpu(), gpu(index=1))), "invalid"),
        (written(report(version=2)), "invalid"),
        (written(report(version="two")), "invalid"),
        (written(report(node="node-2")), "wrong_node"),
        (written(report(node="node-10")), "wrong_node"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_impossible_report_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    refused = refusal(body)
    assert refused.reason == reason
    assert len(str(refused)) < 300


def test_a_refusal_names_the_field() -> None:
    assert "node" in str(refusal(written(report(node=7))))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("utilization_percent", 4_000_000_000),
        ("utilization_percent", -1),
        ("power_watts", 1e300),
        ("memory_used_bytes", 2**63),
        ("memory_used_bytes", 2**70),
        ("memory_total_bytes", 2**200),
        ("temperature_celsius", "hot"),
        ("recovery_action", ["NONE"]),
        ("clock_events", [7]),
        ("instances", 7),
    ],
)
def test_an_impossible_value_is_dropped_alone_and_named(field: str, value: object) -> None:
    result = read(report(gpu(**{field: value}), gpu(index=1, uuid="GPU-2")))
    odd, sound = result.telemetry.gpus
    assert result.telemetry.problem == f"answers what can't be: gpus[0].{field}"
    assert result.warnings == {"invalid"}
    assert (odd.uuid, odd.health.state, sound.utilization_percent) == ("GPU-1", "ok", 73.2)
    assert not getattr(odd, field)
    if field in ("utilization_percent", "power_watts", "memory_used_bytes", "memory_total_bytes"):
        assert odd.reasons[field] == "INVALID"
    if field != "utilization_percent":
        assert odd.utilization_percent == 73.2


@pytest.mark.parametrize("field", ["agent", "started_at", "interval_seconds", "sampled_at", "xids_since"])
def test_an_invalid_value_outside_the_gpus_drops_no_gpu(field: str) -> None:
    result = read(report(**{field: {"odd": 1}}))
    (shown,) = result.telemetry.gpus
    assert (result.telemetry.problem, result.telemetry.sampled_at) == (
        f"answers what can't be: {field}",
        read(report()).telemetry.sampled_at,
    )
    assert shown.utilization_percent == 73.2


@pytest.mark.parametrize("part", ["driver", "kubelet"])
def test_a_state_that_lens_does_not_know_drops_no_gpu(part: str) -> None:
    result = read(report(**{part: {"state": "asleep"}}))
    assert f"{part} failed: INVALID" in (result.telemetry.problem or "")
    assert result.telemetry.gpus[0].utilization_percent == 73.2


def test_invalid_objects_of_lists_are_dropped_alone() -> None:
    sound = {"namespace": "team", "pod": "train-0", "container": "", "resource": "", "device_id": "1"}
    parts = [
        {"uuid": "MIG-1", "gpu_instance_id": 1, "compute_instance_id": 0, "memory_used_bytes": 5},
        {"uuid": "MIG-2", "gpu_instance_id": 2, "compute_instance_id": 0, "memory_used_bytes": 2**64},
        {"uuid": "MIG-3", "gpu_instance_id": -3, "compute_instance_id": 0},
    ]
    told = gpu(instances=parts, health={"state": "dizzy"})
    odd = gpu(index=-1, uuid="GPU-2")
    telemetry = read(report(told, odd, holders=[sound, sound | {"pod": 7}])).telemetry
    (shown,) = telemetry.gpus
    assert [each.pod for each in telemetry.holders or ()] == ["train-0"]
    assert [(each.uuid, each.memory_used_bytes) for each in shown.instances] == [
        ("MIG-1", 5),
        ("MIG-2", None),
    ]
    assert shown.instances[1].reasons == {"memory_used_bytes": "INVALID"}
    assert shown.health.state == "unknown"
    assert telemetry.problem is not None
    assert "and" in telemetry.problem
