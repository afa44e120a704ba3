"""Prometheus reads what is written, whatever names nodes, pods and GPUs have."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lens.agent.report.metrics import metric_families
from lens.agent.report.prometheus_text import MetricFamily, render
from tests.unit.agent.gpus import MIG, UUID, gpu, holder, instance, report

# The parser splits lines as str.splitlines does; Prometheus only at \\n.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.sampled_from('\\"\n'))


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what Prometheus' own parser makes of it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@given(TEXTS, st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_any_label_and_any_value_come_back_as_they_were(text: str, value: float) -> None:
    written = render([MetricFamily("lens_x", "gauge", "Help.", [({"label": text}, value)])])
    assert samples(written) == {("lens_x", frozenset({("label", text)})): value}


def test_what_is_unknown_has_no_sample_and_not_a_zero() -> None:
    written = render([MetricFamily("lens_x", "gauge", "Help.", [({"a": 1}, None)])])
    assert written == b""
    shown = samples(
        render(metric_families(report(gpu(utilization_percent=None, reasons={"utilization_percent": "X"}))))
    )
    assert not any(name == "lens_gpu_utilization_ratio" for name, _ in shown)
    assert ("lens_gpu_unreadable", labels(value="utilization_percent", reason="X")) in shown


def labels(**more: str) -> frozenset[tuple[str, str]]:
    return frozenset({"uuid": UUID, "gpu": "0", **more}.items())


def test_figures_are_in_base_units() -> None:
    shown = samples(render(metric_families(report(gpu()))))
    assert shown["lens_gpu_utilization_ratio", labels()] == 0.25
    assert shown["lens_gpu_memory_used_bytes", labels()] == 10 * 2**30
    assert shown["lens_gpu_power_watts", labels()] == 83.294
    assert shown["lens_gpu_clock_hertz", labels(clock="sm")] == 345e6
    assert shown["lens_gpu_energy_joules_total", labels()] == 4397.322


def test_a_shared_gpus_figures_are_there_once_however_many_hold_it() -> None:
    holders = tuple(holder(f"pod-{n}", f"{UUID}::{n}") for n in range(3))
    shown = samples(render(metric_families(report(gpu(), holders=holders))))
    assert sum(name == "lens_gpu_utilization_ratio" for name, _ in shown) == 1
    assert {dict(each)["pod"] for name, each in shown if name == "lens_gpu_holder"} == {
        "pod-0",
        "pod-1",
        "pod-2",
    }


def test_an_instance_has_figures_of_its_own() -> None:
    shown = samples(render(metric_families(report(gpu(mig_enabled=True, instances=(instance(),))))))
    own = labels(instance_uuid=MIG, profile="1g.10gb", gpu_instance_id="7")
    assert shown["lens_gpu_instance_utilization_ratio", own] == 0.4
    assert shown["lens_gpu_instance_memory_used_bytes", own] == 2**30
