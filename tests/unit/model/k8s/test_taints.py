"""A node is closed to GPU pods by exactly the taints that kube-scheduler would turn them away for."""

import pytest

from lens.model.k8s.taints import Taint, TaintPolicy, Tolerated


@pytest.mark.parametrize(
    ("taint", "repels"),
    [
        (Taint("nvidia.com/gpu", effect="NoSchedule"), False),
        (Taint("nvidia.com/gpu", "present", "NoExecute"), False),
        (Taint("amd.com/gpu", effect="NoSchedule"), False),
        (Taint("gpu.intel.com/i915", effect="NoSchedule"), False),
        (Taint("habana.ai/gaudi", effect="NoSchedule"), False),
        # The pools of GKE and OCI have a vendor's key; AKS, EKS and CoreWeave document their own.
        (Taint("nvidia.com/gpu", "present", "NoSchedule"), False),
        (Taint("amd.com/gpu", "present", "NoSchedule"), False),
        (Taint("sku", "gpu", "NoSchedule"), False),
        (Taint("dedicated", "gpuGroup", "NoSchedule"), False),
        (Taint("is_gpu", "true", "NoSchedule"), False),
        (Taint("is_gpu", None, "NoSchedule"), False),
        # The same keys mean something else with other values.
        (Taint("sku", "cpu", "NoSchedule"), True),
        (Taint("sku", None, "NoSchedule"), True),
        (Taint("dedicated", "infra", "NoSchedule"), True),
        # What spot and maintenance put on nodes, GPU pods don't tolerate as such.
        (Taint("kubernetes.azure.com/scalesetpriority", "spot", "NoSchedule"), True),
        (Taint("node.coreweave.cloud/reserved", None, "NoExecute"), True),
        (Taint("nvidia.com/gpu-maintenance", effect="NoSchedule"), True),
        (Taint("team", "a", "NoSchedule"), True),
        (Taint("team", "a", "NoExecute"), True),
        (Taint("team", "a", "PreferNoSchedule"), False),
        (Taint("team", "a", ""), False),
        (Taint("node.kubernetes.io/unreachable", effect="NoSchedule"), True),
        (Taint("node.kubernetes.io/not-ready", effect="NoSchedule"), True),
        (Taint("node.kubernetes.io/disk-pressure", effect="NoSchedule"), True),
        # Admission gives every pod tolerations for these two, for five minutes of execution.
        (Taint("node.kubernetes.io/unreachable", effect="NoExecute"), False),
        (Taint("node.kubernetes.io/not-ready", effect="NoExecute"), False),
    ],
)
def test_a_taint_repels_unless_gpu_pods_tolerate_it(taint: Taint, repels: bool) -> None:
    assert TaintPolicy().repels([taint]) is repels
    assert TaintPolicy().repels([Taint("nvidia.com/gpu", effect="NoSchedule"), taint]) is repels


def test_no_taints_repel_nobody() -> None:
    assert not TaintPolicy().repels([])


@pytest.mark.parametrize(
    ("tolerated", "covered", "not_covered"),
    [
        ("team", [Taint("team", "a", "NoSchedule"), Taint("team", None, "NoExecute")], [Taint("teams")]),
        ("team=a", [Taint("team", "a", "NoExecute")], [Taint("team", "b"), Taint("team")]),
        ("team=", [Taint("team", None, "NoSchedule"), Taint("team", "")], [Taint("team", "a")]),
        ("team:NoExecute", [Taint("team", "a", "NoExecute")], [Taint("team", "a", "NoSchedule")]),
        ("team=a:NoSchedule", [Taint("team", "a", "NoSchedule")], [Taint("team", "a", "NoExecute")]),
        ("team=b=c", [Taint("team", "b=c", "NoSchedule")], [Taint("team", "b")]),
        ("example.com/*", [Taint("example.com/gpu", "x", "NoSchedule")], [Taint("example.org/gpu")]),
        (" team ", [Taint("team", "a", "NoSchedule")], [Taint(" team ")]),
        ("*", [Taint("anything", "at all", "NoExecute")], []),
    ],
)
def test_a_tolerated_taint_covers_what_it_says(
    tolerated: str, covered: list[Taint], not_covered: list[Taint]
) -> None:
    parsed = Tolerated.parse(tolerated)
    assert all(parsed.covers(taint) for taint in covered)
    assert not any(parsed.covers(taint) for taint in not_covered)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names no taint key"),
        ("=a:NoSchedule", "names no taint key"),
        (":NoSchedule", "names no taint key"),
        ("team:NoSuch", "the effect is one of NoExecute, NoSchedule"),
        ("team:", "the effect is one of NoExecute, NoSchedule"),
        ("team:PreferNoSchedule", "the effect is one of NoExecute, NoSchedule"),
    ],
)
def test_a_tolerated_taint_that_can_not_be_meant_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        TaintPolicy([text])
    assert repr(text) in str(caught.value)


def test_taints_are_written_as_kubectl_writes_them() -> None:
    assert str(Taint("team", "a", "NoSchedule")) == "team=a:NoSchedule"
    assert str(Taint("team", None, "NoExecute")) == "team:NoExecute"
