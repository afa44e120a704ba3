"""A pod fits where kube-scheduler places it, and where it doesn't, Lens says why in the scheduler's words."""

from collections.abc import Iterator

import pytest

from tests import required
from tests.oracle import cases, run
from tests.oracle.program import PROGRAM, Object, Oracle
from tests.profiles import full_or

GPU = "nvidia.com/gpu"


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(required.program(PROGRAM)) as running:
        yield running


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_lens_answers_as_kube_scheduler_would_and_gives_its_reasons(oracle: Oracle, seed: int) -> None:
    report = run.run(oracle, full_or(100, 300), seed, most_disagreements=1)
    print(report, report.figures())
    assert [run.dump(run.smaller(oracle, each)) for each in report.disagreements] == []
    assert report.equal_histograms == report.histograms > 0


def test_the_cases_reach_every_filter_and_both_verdicts(oracle: Oracle) -> None:
    report = run.run(oracle, 600, seed=4)
    assert 0.2 < report.yes / report.single < 0.8
    assert report.complete >= 0.95 * report.single
    assert report.codes.keys() >= {
        "claims",
        "declared_features",
        "existing_anti_affinity",
        "gates",
        "host_port",
        "node_name",
        "node_selector",
        "pod_affinity",
        "pod_anti_affinity",
        "pods",
        "resource",
        "taint",
        "topology_label",
        "topology_spread",
        "unschedulable",
    }


def test_a_disagreement_is_found_and_made_small(oracle: Oracle) -> None:
    fleet = cases.fleet(5, 1)
    fleet["asked"] = [_pod(gpus="2")]
    fleet["nodes"].append(_node("roomy", gpus="2"))
    theirs = oracle.ask(fleet)
    assert theirs[0]["fits"]

    class Biased(Oracle):
        """An oracle that places no GPU pod."""

        def ask(self, fleet: Object) -> list[dict[str, object]]:
            asks = GPU in str(fleet["asked"])
            return [{"fits": False, "message": "no"} if asks else each for each in oracle.ask(fleet)]

    biased = Biased(required.program(PROGRAM))
    with biased:
        found = run.smaller(biased, run.Disagreement(fleet, run.check(biased, fleet)))
    assert found.differences
    assert found.fleet["pods"] == []
    assert len(found.fleet["nodes"]) <= 1


def _pod(gpus: str) -> Object:
    container = {"name": "main", "resources": {"requests": {GPU: gpus}}}
    return {
        "metadata": {"name": "asked", "namespace": "default"},
        "spec": {"containers": [container]},
        "status": {},
    }


def _node(name: str, gpus: str) -> Object:
    return {
        "metadata": {"name": name},
        "status": {"allocatable": {GPU: gpus, "pods": "10"}},
    }
