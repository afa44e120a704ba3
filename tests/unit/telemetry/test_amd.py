"""A cluster of AMD GPUs that has their exporter needs no agent of ours."""

import re

import pytest

from lens.model.gpu.node_report import Health
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.placement import placement
from lens.telemetry.amd import read_amd
from lens.telemetry.prometheus_parser import NOT_EXPORTED, OUT_OF_RANGE
from lens.telemetry.scrape_client import ScrapeResponse
from lens.telemetry.scrape_error import ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target
from tests.unit.model.manifests import ledger_of, node

EXPORTER = Target("tw038", "http://127.0.0.1:1/metrics", "amd", "default-metrics-exporter-vvvkm", "uid-1")
MIB = 2**20


def labels(**more: object) -> str:
    all_of_them = {
        "card_model": "102-G30211-0C",
        "card_series": "AMD Instinct MI300X OAM",
        "gpu_compute_partition_type": "spx",
        "gpu_id": "2",
        "gpu_memory_partition_type": "nps1",
        "gpu_partition_id": "0",
        "hostname": "tw038",
        "serial_number": "692409005408",
        "pod": "",
        "namespace": "",
        "container": "",
    } | more
    return ",".join(f'{name}="{value}"' for name, value in all_of_them.items())


def labels_in_capitals(**more: object) -> str:
    return ",".join(name.upper() + rest for name, rest in re.findall(r'(\w+)(="[^"]*")', labels(**more)))


def line(metric: str, value: object, **more: object) -> str:
    return f"{metric}{{{labels(**more)}}} {value}\n"


def gpu(prefix: str = "", **more: object) -> str:
    return "".join(
        line(f"{prefix}{metric}", value, **more)
        for metric, value in (
            ("gpu_gfx_activity", 64),
            ("gpu_umc_activity", 99),
            ("gpu_used_vram", 283),
            ("gpu_total_vram", 196592),
            ("gpu_junction_temperature", 43),
            ("gpu_package_power", 136),
            ("gpu_health", 1),
        )
    )


def read(text: str) -> ScrapeResult:
    return read_amd(EXPORTER, ScrapeResponse(text.encode(), None), 1000.0)


@pytest.mark.parametrize("prefix", ["", "amd_", "my_gpu_"])
def test_gpus_are_read_whatever_their_names_begin_with(prefix: str) -> None:
    telemetry = read(gpu(prefix, namespace="team", pod="train-0", container="main")).telemetry
    (shown,) = telemetry.gpus
    assert (telemetry.source, telemetry.sampled_at) == ("amd", 1000.0)
    assert (shown.index, shown.uuid, shown.product) == (2, "692409005408", "AMD Instinct MI300X OAM")
    assert (shown.utilization_percent, shown.temperature_celsius, shown.power_watts) == (64, 43, 136)
    assert (shown.memory_used_bytes, shown.memory_total_bytes) == (283 * MIB, 196592 * MIB)
    assert shown.health == Health(state="ok")
    assert shown.instances == ()
    assert [(each.namespace, each.pod) for each in telemetry.holders_of(shown)] == [("team", "train-0")]


@pytest.mark.parametrize("names", ["gpu_", "GPU_"])
def test_labels_and_names_may_be_in_capitals_as_in_the_first_versions(names: str) -> None:
    held = {"pod": "train-0", "namespace": "team", "container": "main"}
    usual, capital = gpu(**held), gpu(**held).replace(labels(**held), labels_in_capitals(**held))
    assert "GPU_ID=" in capital
    if names == "GPU_":
        capital = re.sub(r"^\w+", lambda name: name[0].upper(), capital, flags=re.MULTILINE)
        assert "GPU_GFX_ACTIVITY{" in capital
    assert read(capital) == read(usual)
    assert len(read(usual).telemetry.holders or ()) == 1


def test_the_uuid_is_the_gpus_own_where_it_is_exported() -> None:
    (shown,) = read(gpu(gpu_uuid="ccff74a1-0000-1000-80e0-c6d49f5b0d86")).telemetry.gpus
    assert shown.uuid == "ccff74a1-0000-1000-80e0-c6d49f5b0d86"


@pytest.mark.parametrize("serial", ["", "N/A"])
def test_gpus_without_a_serial_number_are_not_taken_for_one(serial: str) -> None:
    telemetry = read(gpu(gpu_id=0, serial_number=serial) + gpu(gpu_id=1, serial_number=serial)).telemetry
    assert [each.uuid for each in telemetry.gpus] == ["tw038/0", "tw038/1"]


def test_an_older_gpu_has_edge_temperature_and_average_power() -> None:
    text = line("gpu_edge_temperature", 38) + line("gpu_average_package_power", 90)
    (shown,) = read(text + line("gpu_total_memory", 65520)).telemetry.gpus
    assert shown.memory_total_bytes == 65520 * MIB
    assert (shown.temperature_celsius, shown.power_watts) == (38, 90)
    assert (shown.utilization_percent, shown.reasons["utilization_percent"]) == (None, NOT_EXPORTED)
    assert shown.health.state == "unknown"


@pytest.mark.parametrize("lacking", [0, 65535])
def test_what_a_gpu_lacks_is_not_taken_for_its_temperature_and_power(lacking: int) -> None:
    newer = line("gpu_edge_temperature", lacking) + line("gpu_average_package_power", lacking) + gpu()
    older = (
        line("gpu_junction_temperature", lacking)
        + line("gpu_package_power", lacking)
        + line("gpu_edge_temperature", 43)
        + line("gpu_average_package_power", 136)
    )
    for text in (newer, older):
        reading = read(text)
        (shown,) = reading.telemetry.gpus
        assert (shown.temperature_celsius, shown.power_watts) == (43, 136)
        assert reading.warnings == set()
    (shown,) = read(line("gpu_edge_temperature", 0) + line("gpu_package_power", 0)).telemetry.gpus
    assert (shown.temperature_celsius, shown.power_watts) == (None, None)
    assert shown.reasons["power_watts"] == NOT_EXPORTED


def partition(number: int, activity: object | None, **more: object) -> str:
    here: dict[str, object] = {
        "gpu_id": 8 + number,
        "gpu_partition_id": number,
        "gpu_compute_partition_type": "cpx",
        "gpu_memory_partition_type": "nps4",
        "gpu_uuid": f"uuid-{number}",
    } | more
    used = line("gpu_used_vram", 100, **here)
    return used if activity is None else used + line("gpu_gfx_activity", activity, **here)


def test_partitions_are_parts_of_one_gpu_and_not_gpus() -> None:
    text = partition(0, 20, namespace="team", pod="infer-0") + partition(1, 40)
    telemetry = read(text).telemetry
    (shown,) = telemetry.gpus
    assert shown.uuid == "692409005408"
    assert [(each.uuid, each.profile, each.utilization_percent) for each in shown.instances] == [
        ("uuid-0", "cpx_nps4", 20),
        ("uuid-1", "cpx_nps4", 40),
    ]
    assert shown.utilization_percent == 30
    assert shown.memory_used_bytes == 200 * MIB
    assert [(each.pod, each.instance_uuid) for each in telemetry.holders_of(shown)] == [("infer-0", "uuid-0")]


@pytest.mark.parametrize("partitions", [range(8), range(1)])
def test_a_node_without_labels_has_the_exporters_gpus(partitions: range) -> None:
    text = "".join(
        partition(each, 20, gpu_id=8 * number + each, serial_number=f"69240900540{number}")
        for number in range(8)
        for each in partitions
    )
    units = {"amd.com/gpu": "64"}
    ledger = ledger_of(node("tw038", capacity=units, allocatable=units))
    assert ledger.snapshot().nodes["tw038"].approximate
    ledger.put_placement("tw038", placement(read(text).telemetry))
    occupied = ledger.snapshot().nodes["tw038"]
    assert (occupied.states, occupied.approximate) == (GpuStates(available=8), False)


def test_a_partitioned_gpu_with_one_partitions_utilization_is_unknown() -> None:
    (shown,) = read(partition(0, 20) + partition(1, None)).telemetry.gpus
    assert shown.utilization_percent is None
    assert shown.reasons["utilization_percent"] == NOT_EXPORTED


def test_a_gpu_that_the_exporter_finds_unhealthy_is_critical() -> None:
    assert read(line("gpu_health", 0)).telemetry.gpus[0].health.state == "critical"


@pytest.mark.parametrize("value", ["65535", "NaN", "-1"])
def test_a_value_that_can_not_be_is_unknown_and_counted(value: str) -> None:
    reading = read(line("gpu_gfx_activity", value))
    assert reading.telemetry.gpus[0].reasons["utilization_percent"] == OUT_OF_RANGE
    assert reading.warnings == {"invalid"}


@pytest.mark.parametrize("number", ["", "x", "-1", "99999999999"])
def test_a_gpu_without_a_number_is_refused(number: str) -> None:
    with pytest.raises(ScrapeError, match="no line of a GPU"):
        read(gpu(gpu_id=number))
    assert len(read(gpu(gpu_id=number) + gpu()).telemetry.gpus) == 1


def test_other_metrics_are_passed_over() -> None:
    assert read('go_goroutines 7\ngpu_nodes_total 8\nnic_total{x="1"} 2\n').telemetry.gpus == ()
