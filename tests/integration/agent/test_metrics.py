"""What Prometheus scrapes from a node."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lens.model.gpu.node_report import Report
from lens_sim.node.nvml.scenario import Gpu, Instance, Process, Xid
from lens_sim.node.podresources import Container, Pod
from tests.integration.agent.node import Agent, Answer, Node
from tests.integration.agent.nvml.errors import fault


def everything(node: Node, **settings: Any) -> Agent:
    """Run an agent on a node that has something of everything."""
    node.kubelet().pods = [Pod("ml", 'a"\\', [Container("c", {"nvidia.com/gpu": ["GPU-a"]})])]
    gpus = [
        Gpu(uuid="GPU-a", utilization=42, nvlinks=(4, 3), processes=[Process(1, 5)], rows=(1, 2, 1, 1)),
        Gpu(uuid="GPU-b", mig=True, instances=[Instance(7, "MIG-a", utilization=10.0)]),
        Gpu(uuid="GPU-c", lost=0.0),
        Gpu(uuid="GPU-d", faults=[fault("nvmlDeviceGetPowerUsage", "NO_PERMISSION")]),
    ]
    node.play(*gpus)
    agent = node.run(**settings)
    agent.until(lambda report: report.xids_since is not None)
    gpus[0].xids.append(Xid(48, node.now + 0.1))
    node.play(*gpus)
    agent.until(
        lambda report: bool(
            report.holders
            and len(report.gpus) > 1
            and report.gpus[0].xids
            and report.gpus[0].utilization_source == "samples"
            and report.gpus[1].utilization_percent
        )
    )
    return agent


def together(agent: Agent) -> tuple[Report, Answer]:
    """Return a report and the metrics of the same sample."""
    while True:
        report, answer = agent.report(), agent.ask("/metrics")
        if agent.report() == report:
            return report, answer


def test_the_figures_are_those_of_the_report(node: Node) -> None:
    agent = everything(node)
    report, answer = together(agent)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = {
        (sample.name, sample.labels.get("uuid")): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }
    whole, split, lost, refused = report.gpus
    assert samples["lens_agent_sample_timestamp_seconds", None] == report.sampled_at
    assert samples["lens_gpu_utilization_ratio", "GPU-a"] == (whole.utilization_percent or 0) / 100 == 0.42
    assert samples["lens_gpu_temperature_celsius", "GPU-a"] == whole.temperature_celsius
    assert samples["lens_gpu_xid_errors_total", "GPU-a"] == 1
    assert samples["lens_gpu_instance_utilization_ratio", "GPU-b"] == 0.1
    assert split.mig_enabled
    assert ("lens_gpu_power_watts", "GPU-d") not in samples
    assert refused.power_watts is None
    assert lost.uuid is None
    assert "DCGM" not in answer.body.decode()


@pytest.mark.slow
def test_dcgm_exporters_names_are_there_by_choice(node: Node) -> None:
    body = everything(node, dcgm_names=True).ask("/metrics").body.decode()
    [line] = [line for line in body.splitlines() if line.startswith('DCGM_FI_DEV_GPU_UTIL{gpu="0"')]
    assert line == (
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",pci_bus_id="00000000:00:06.0",device="nvidia0",'
        'modelName="NVIDIA H100 80GB HBM3",Hostname="gpu-node-1",'
        'pod="a\\"\\\\",namespace="ml",container="c"} 42'
    )
    assert "lens_gpu_utilization_ratio" in body
