"""Dashboards made for dcgm-exporter find what they look for."""

from prometheus_client.parser import text_string_to_metric_families

from lens.agent.report.dcgm_metrics import metric_families
from lens.agent.report.prometheus_text import render
from lens.model.gpu.node_report import Report
from tests.unit.agent.gpus import MIG, UUID, gpu, holder, instance, report, rows, xid

GPU = {
    "gpu": "0",
    "UUID": UUID,
    "pci_bus_id": "00000000:C1:00.0",
    "device": "nvidia0",
    "modelName": "NVIDIA H100 80GB HBM3",
    "Hostname": "node-1",
}


def shown(of: Report) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return the samples by name. The parser would rename counters that don't end in _total."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    lines = [line for line in render(metric_families(of)).decode().splitlines() if not line.startswith("#")]
    for family in text_string_to_metric_families("".join(f"{line}\n" for line in lines)):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_names_labels_and_units_are_dcgm_exporters() -> None:
    whole = gpu(
        remapped_rows=rows(uncorrectable=2, correctable=1, failed=True),
        xids=(xid(79, "critical"), xid(31, "application")),
        clock_memory_mhz=2619,
        ecc_uncorrected_volatile=3,
        ecc_uncorrected_aggregate=4,
    )
    held = {**GPU, "pod": "train-0", "namespace": "ml", "container": "main"}
    assert shown(report(whole, holders=(holder("train-0"),))) == {
        "DCGM_FI_DEV_SM_CLOCK": [(held, 345)],
        "DCGM_FI_DEV_MEM_CLOCK": [(held, 2619)],
        "DCGM_FI_DEV_GPU_TEMP": [(held, 50)],
        "DCGM_FI_DEV_POWER_USAGE": [(held, 83.294)],
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": [(held, 4397322)],
        "DCGM_FI_DEV_GPU_UTIL": [(held, 25)],
        "DCGM_FI_DEV_XID_ERRORS": [(held, 79)],
        "DCGM_FI_DEV_FB_FREE": [(held, 69 * 1024)],
        "DCGM_FI_DEV_FB_USED": [(held, 10 * 1024)],
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": [(held, 3)],
        "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL": [(held, 4)],
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": [(held, 2)],
        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS": [(held, 1)],
        "DCGM_FI_DEV_ROW_REMAP_FAILURE": [(held, 1)],
    }


def test_a_gpu_that_nobody_or_more_than_one_pod_holds_names_no_pod() -> None:
    shared = (holder("a", f"{UUID}::0"), holder("b", f"{UUID}::1"))
    for holders in ((), None, shared):
        assert shown(report(gpu(), holders=holders))["DCGM_FI_DEV_GPU_UTIL"] == [(GPU, 25)]


def test_in_mig_mode_there_is_a_line_for_each_instance() -> None:
    split = gpu(
        mig_enabled=True, instances=(instance(), instance(uuid="MIG-b", gpu_instance_id=9, profile="2g.20gb"))
    )
    found = shown(report(split, holders=(holder("train-0", MIG, instance_uuid=MIG),)))
    first = {**GPU, "GPU_I_PROFILE": "1g.10gb", "GPU_I_ID": "7"}
    first |= {"pod": "train-0", "namespace": "ml", "container": "main"}
    second = {**GPU, "GPU_I_PROFILE": "2g.20gb", "GPU_I_ID": "9"}
    assert found["DCGM_FI_PROF_GR_ENGINE_ACTIVE"] == [(first, 0.4), (second, 0.4)]
    assert found["DCGM_FI_DEV_FB_USED"] == [(first, 1024), (second, 1024)]
    assert found["DCGM_FI_DEV_GPU_TEMP"] == [(first, 50), (second, 50)]
    assert "DCGM_FI_DEV_GPU_UTIL" not in found
