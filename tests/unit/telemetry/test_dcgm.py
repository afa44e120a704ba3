"""A cluster that has dcgm-exporter needs no agent of ours: its figures are read as dashboards mean them."""

import time
import tracemalloc

import pytest

from lens.model.gpu.node_report import Health
from lens.telemetry.dcgm import read_dcgm
from lens.telemetry.prometheus_parser import NOT_EXPORTED, OUT_OF_RANGE
from lens.telemetry.scrape_client import ScrapeResponse
from lens.telemetry.scrape_error import ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target

EXPORTER = Target("node-1", "http://127.0.0.1:1/metrics", "dcgm", "nvidia-dcgm-exporter-cwbcm", "uid-1")
MIB = 2**20

WHOLE = """\
# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_SM_CLOCK{gpu="0",UUID="GPU-a"} 1980
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",pci_bus_id="00000000:8D:00.0",device="nvidia0",\
modelName="NVIDIA H100 80GB HBM3",Hostname="node-1",DCGM_FI_DRIVER_VERSION="550.144.03",\
container="main",namespace="team",pod="train-0"} 87
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b",modelName="NVIDIA H100 80GB HBM3",Hostname="node-1"} 0
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",Hostname="node-1",namespace="team",pod="train-0",container="main"} 10
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",Hostname="node-1"} 80000
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",Hostname="node-1"} 61
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",Hostname="node-1"} 512.25
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-a",Hostname="node-1",err_code="0"} 0
DCGM_FI_DEV_XID_ERRORS{gpu="1",UUID="GPU-b",Hostname="node-1",err_code="79"} 79
"""


def read(text: str) -> ScrapeResult:
    return read_dcgm(EXPORTER, ScrapeResponse(text.encode(), None), 1000.0)


def line(metric: str, value: object, **labels: object) -> str:
    pairs = ",".join(f'{name}="{text}"' for name, text in ({"gpu": 0, "UUID": "GPU-a"} | labels).items())
    return f"DCGM_FI_{metric}{{{pairs}}} {value}\n"


def test_gpus_are_read_with_their_holders() -> None:
    telemetry = read(WHOLE).telemetry
    first, second = telemetry.gpus
    assert (telemetry.source, telemetry.sampled_at) == ("dcgm", 1000.0)
    assert (first.index, first.uuid, first.product) == (0, "GPU-a", "NVIDIA H100 80GB HBM3")
    assert (first.utilization_percent, first.temperature_celsius, first.power_watts) == (87, 61, 512.25)
    assert (first.memory_used_bytes, first.memory_total_bytes) == (10 * MIB, 80010 * MIB)
    assert first.health == Health(state="ok")
    assert [(each.namespace, each.pod, each.container) for each in telemetry.holders_of(first)] == [
        ("team", "train-0", "main")
    ]
    assert (second.utilization_percent, list(telemetry.holders_of(second))) == (0, [])
    assert second.memory_used_bytes is None
    assert second.reasons["memory_used_bytes"] == NOT_EXPORTED


def test_the_names_and_units_of_dcgm_4_7_are_the_same_figures() -> None:
    """From 4.9.0 on dcgm-exporter has no others."""
    old, new = (
        "".join(line(metric, value, namespace="team", pod="train-0") for metric, value in values.items())
        for values in (
            {
                "DEV_GPU_UTIL": 57,
                "DEV_FB_USED": 1000,
                "DEV_FB_FREE": 80000,
                "DEV_FB_RESERVED": 559,
                "DEV_FB_TOTAL": 81559,
                "DEV_GPU_TEMP": 61,
                "DEV_POWER_USAGE": 512.25,
                "DEV_XID_ERRORS": 79,
            },
            {
                "DEV_GPU_UTIL_RATIO": 0.57,
                "DEV_FB_USED_BYTES": 1000 * MIB,
                "DEV_FB_FREE_BYTES": 80000 * MIB,
                "DEV_FB_RESERVED_BYTES": 559 * MIB,
                "DEV_FB_CAPACITY_BYTES": 81559 * MIB,
                "DEV_GPU_TEMP_CELSIUS": 61,
                "DEV_BOARD_POWER_WATTS": 512.25,
                "DEV_XID_ERROR": 79,
            },
        )
    )
    assert read(new) == read(old)
    assert read(new).telemetry.gpus[0].utilization_percent == 57


def test_an_instances_use_is_its_engines_under_the_names_of_dcgm_4_7_too() -> None:
    labels = {"GPU_I_ID": 1, "GPU_I_PROFILE": "3g.40gb"}
    text = line("PROF_GR_ENGINE_UTIL_RATIO", 0.5, **labels) + line("DEV_FB_USED_BYTES", 5, **labels)
    ((instance,),) = (gpu.instances for gpu in read(text).telemetry.gpus)
    assert (instance.utilization_percent, instance.memory_used_bytes) == (50, 5)


@pytest.mark.parametrize("value", [1.01, -0.01, "NaN", 9223372036854775794])
def test_a_ratio_that_can_not_be_is_unknown(value: object) -> None:
    (shown,) = read(line("DEV_GPU_UTIL_RATIO", value)).telemetry.gpus
    assert (shown.utilization_percent, shown.reasons["utilization_percent"]) == (None, OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("xid", "health"),
    [
        (0, Health(state="ok")),
        (79, Health(state="critical", because=("XID 79",))),
        (48, Health(state="warning", because=("XID 48",))),
        (94, Health(state="warning", because=("XID 94",))),
        (31, Health(state="ok")),
        (45, Health(state="warning", because=("XID 45",))),
        (999, Health(state="ok")),
        (154, Health(state="unknown", because=("XID 154",))),
    ],
)
def test_a_gpu_is_called_sick_for_an_xid_that_is_no_programs_fault(xid: int, health: Health) -> None:
    (gpu,) = read(line("DEV_XID_ERRORS", xid)).telemetry.gpus
    assert gpu.health == health


def test_labels_that_prometheus_has_renamed_go_before_the_exporters_own_pod() -> None:
    labels = {"pod": "exporter", "namespace": "gpu-operator", "container": "exporter"}
    renamed = {"exported_pod": "train-0", "exported_namespace": "team", "exported_container": "main"}
    (holder,) = read(line("DEV_GPU_UTIL", 5, **labels, **renamed)).telemetry.holders or ()
    assert (holder.namespace, holder.pod, holder.container) == ("team", "train-0", "main")


def test_pods_that_share_a_gpu_all_hold_it_and_it_counts_once() -> None:
    pods = [line("DEV_GPU_UTIL", 50, namespace="team", pod=f"infer-{i}", vgpu=i) for i in range(3)]
    telemetry = read("".join(pods)).telemetry
    assert len(telemetry.gpus) == 1
    assert [each.pod for each in telemetry.holders or ()] == ["infer-0", "infer-1", "infer-2"]


def mig(number: int, profile: str, active: object, product: str = "NVIDIA H100 80GB HBM3") -> str:
    labels = {"GPU_I_ID": number, "GPU_I_PROFILE": profile, "modelName": product}
    pod = {"namespace": "team", "pod": f"infer-{number}", "container": "main"}
    return (
        line("PROF_GR_ENGINE_ACTIVE", active, **labels, **pod)
        + line("DEV_FB_USED", 100, **labels, **pod)
        + line("DEV_FB_FREE", 900, **labels, **pod)
        + line("DEV_GPU_TEMP", 40, **labels, **pod)
    )


def test_under_mig_an_instances_use_is_its_engines_and_the_gpus_is_by_slices() -> None:
    telemetry = read(mig(1, "3g.40gb", 0.5) + mig(2, "1g.10gb", 1)).telemetry
    (shown,) = telemetry.gpus
    assert [(each.gpu_instance_id, each.profile, each.utilization_percent) for each in shown.instances] == [
        (1, "3g.40gb", 50),
        (2, "1g.10gb", 100),
    ]
    assert shown.utilization_percent == round((3 * 50 + 1 * 100) / 7, 2)
    assert shown.memory_used_bytes == 200 * MIB
    assert shown.temperature_celsius == 40
    assert [each.instance_uuid for each in telemetry.holders or ()] == [each.uuid for each in shown.instances]


def test_a_gpu_of_four_slices_is_full_with_four() -> None:
    (shown,) = read(mig(1, "4g.24gb", 1, "NVIDIA A30")).telemetry.gpus
    assert shown.utilization_percent == 100


def test_a_mig_gpu_with_an_instance_without_samples_is_unknown_and_not_idle() -> None:
    silent = line("DEV_FB_USED", 100, GPU_I_ID=3, GPU_I_PROFILE="1g.10gb")
    (shown,) = read(mig(1, "3g.40gb", 0.5) + silent).telemetry.gpus
    assert shown.utilization_percent is None
    assert shown.reasons["utilization_percent"] == NOT_EXPORTED


def test_profiling_metrics_alone_give_the_utilization() -> None:
    (shown,) = read(line("PROF_GR_ENGINE_ACTIVE", 0.25)).telemetry.gpus
    assert shown.utilization_percent == 25
    assert "utilization_percent" not in shown.reasons


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1", "4000000000", "9223372036854775794"])
def test_a_value_that_can_not_be_is_unknown_and_counted(value: str) -> None:
    reading = read(line("DEV_GPU_UTIL", value) + line("DEV_GPU_TEMP", 50))
    (shown,) = reading.telemetry.gpus
    assert shown.utilization_percent is None
    assert shown.reasons["utilization_percent"] == OUT_OF_RANGE
    assert shown.temperature_celsius == 50
    assert reading.warnings == {"invalid"}


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>It works!</body></html>",
        '{"gpus": []}',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a" 5',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a"} five',
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a}',
        line("DEV_GPU_UTIL", 5, gpu="first"),
        line("DEV_GPU_UTIL", 5, GPU_I_ID="-1"),
        line("DEV_GPU_UTIL", 5, modelName="x" * 10000),
        "".join(line("DEV_GPU_UTIL", 5, UUID=f"GPU-{i}") for i in range(100)),
        "".join(line("DEV_FB_USED", 5, GPU_I_ID=i) for i in range(100)),
        "\n" * 300_000,
        line("DEV_GPU_UTIL", 5) * 10_000,
    ],
    ids=range(12),
)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(ScrapeError) as refused:
        read(text)
    assert refused.value.reason == "invalid"
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "value", ["1e999", "-1e999", "NaN", "9" * 5000, "\u0665", "1_0"], ids=lambda value: value[:6]
)
def test_whatever_python_reads_as_a_number_a_value_is_in_its_range_or_unknown(value: str) -> None:
    text = "".join(line(metric, value) for metric in ("DEV_GPU_UTIL", "DEV_FB_USED", "DEV_XID_ERRORS"))
    try:
        (shown,) = read(text).telemetry.gpus
    except ScrapeError as refused:
        assert refused.reason == "invalid"  # noqa: PT017 (either may be)
    else:
        assert 0 <= (shown.utilization_percent or 0) <= 100
        assert 0 <= (shown.memory_used_bytes or 0) < 2**63


@pytest.mark.parametrize("slices", ["9" * 500, "\u0663", ""])
def test_a_profile_of_nonsense_leaves_the_utilization_unknown(slices: str) -> None:
    text = line("PROF_GR_ENGINE_ACTIVE", 0.5, GPU_I_ID=1, GPU_I_PROFILE=f"{slices}g.10gb")
    (shown,) = read(text).telemetry.gpus
    assert (shown.utilization_percent, shown.reasons["utilization_percent"]) == (None, NOT_EXPORTED)


def test_labels_that_nobody_reads_take_no_room() -> None:
    many = ",".join(f'label_{index}="{index}"' for index in range(500))
    lines = "".join(
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="0",UUID="GPU-a",x="{each}",{many}}} 5\n' for each in range(100)
    )
    assert len(lines) > MIB / 2
    tracemalloc.start()
    (shown,) = read(lines).telemetry.gpus
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shown.utilization_percent == 5
    assert most < 8 * len(lines)


def test_reading_takes_time_in_proportion() -> None:
    def seconds(labels: int) -> float:
        text = line("DEV_GPU_UTIL", 5).replace("{", "{" + 'a="",' * labels) * 20
        began = time.process_time()
        read(text)
        return time.process_time() - began

    seconds(100)
    assert min(seconds(1500) for _ in range(3)) < 12 * min(seconds(300) for _ in range(3)) + 0.01


def test_a_label_that_is_no_text_costs_no_value() -> None:
    body = line("DEV_GPU_UTIL", 5, note="x").encode().replace(b"x", b"\xff")
    (shown,) = read_dcgm(EXPORTER, ScrapeResponse(body, None), 1000.0).telemetry.gpus
    assert shown.utilization_percent == 5


def test_what_is_escaped_in_a_label_is_read_as_it_was() -> None:
    (shown,) = read(line("DEV_GPU_UTIL", 5, modelName=r"a \"b\" \\ c, d} 1\n")).telemetry.gpus
    assert shown.product == 'a "b" \\ c, d} 1\n'


def test_a_line_with_a_time_is_read() -> None:
    assert read(line("DEV_GPU_UTIL", "5 1395066363000")).telemetry.gpus[0].utilization_percent == 5


def test_an_exporter_without_gpus_is_a_node_without_gpus() -> None:
    assert read("# nothing\n").telemetry.gpus == ()
