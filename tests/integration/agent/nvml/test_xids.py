"""An XID error is seen when it comes, with what NVIDIA says of it."""

import time

from lens_sim.node.nvml.scenario import Gpu, Instance, Xid
from tests.integration.agent.node import Node


def test_an_xid_has_its_severity_and_the_start_of_counting(node: Node) -> None:
    began = time.time()
    node.play(Gpu(uuid="GPU-a", xids=[Xid(95, -60.0)]), Gpu(uuid="GPU-b"))
    agent = node.run()
    report = agent.until(lambda report: report.xids_since is not None)
    assert began < (report.xids_since or 0) < time.time()
    assert [gpu.xids for gpu in agent.sampled().gpus] == [(), ()]
    at = node.now + 0.2
    node.play(Gpu(uuid="GPU-a"), Gpu(uuid="GPU-b", xids=[Xid(31, at), Xid(119, at + 0.5)]))
    gpu = agent.gpu(lambda gpu: len(gpu.xids or ()) == 2, 1)
    assert gpu.xids is not None
    latest, first = gpu.xids
    assert (latest.xid, latest.severity, first.xid, first.severity) == (119, "critical", 31, "application")
    assert (latest.count, latest.instance) == (1, None)
    assert latest.first_at == latest.last_at > first.last_at
    assert agent.report().gpus[0].xids == ()
    assert [each["xid"] for each in agent.until_logged("XID error", 2)] == [31, 119]


def test_a_changed_recovery_action_is_in_the_health(node: Node) -> None:
    node.play(Gpu())
    agent = node.run()
    agent.until(lambda report: report.xids_since is not None)
    node.play(Gpu(recovery=2, xids=[Xid(154, node.now + 0.1)]))
    gpu = agent.gpu(lambda gpu: bool(gpu.xids) and gpu.recovery_action == "NODE_REBOOT")
    assert gpu.xids is not None
    assert gpu.xids[0].severity == "recovery"
    assert (gpu.health.state, gpu.health.because) == ("critical", ("recovery action NODE_REBOOT",))


def test_under_mig_an_error_names_its_instance(node: Node) -> None:
    instance = Instance(7, "MIG-a")
    node.play(Gpu(mig=True, instances=[instance]))
    agent = node.run()
    agent.until(lambda report: report.xids_since is not None)
    node.play(Gpu(mig=True, instances=[instance], xids=[Xid(13, node.now + 0.1, 7, 0)]))
    gpu = agent.gpu(lambda gpu: bool(gpu.xids))
    assert gpu.xids is not None
    assert (gpu.xids[0].xid, gpu.xids[0].instance) == (13, 7)
