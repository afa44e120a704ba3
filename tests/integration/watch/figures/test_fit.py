"""What a fit looks at, as the watches bring it: every pod, nodes, and what admission and quotas need."""

import logging
from typing import Any

import pytest

from lens.api.fit.endpoint import FitQuestions
from lens.api.fit.pending_fits import PendingFits
from lens.api.parameters.fit import FitQuery
from lens.api.schemas.fit import Fit
from lens.kube.watch.kopf_settings import Timeouts
from lens.model.fit.reading import read_fit
from lens.model.fit.record.decisions import Decision
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from lens_sim.objects.resources import (
    LIMIT_RANGES,
    NAMESPACES,
    POD_DISRUPTION_BUDGETS,
    POLICIES,
    PRIORITY_CLASSES,
    RESOURCE_QUOTAS,
    RUNTIME_CLASSES,
    Resource,
)
from tests.integration.watch.objects import NOW, Object, node, pod
from tests.integration.watch.scene import Scene

QUICK = Timeouts(discovery=0.2, forbidden=0.2, grace=2.0)
ALL = (NAMESPACES, *POLICIES)

_questions = FitQuestions(GpuResources(), TaintPolicy())


def ask(scene: Scene, **params: Any) -> Fit:
    """Ask as the endpoint does."""
    asked = FitQuery.model_validate({"cluster": "c"} | {name: str(value) for name, value in params.items()})
    return _questions.answer_query(scene.state.current, asked, NOW.timestamp())


def roomy(name: str) -> Object:
    """Return a node that takes pods."""
    found = node(name)
    found["status"]["allocatable"] |= {"pods": "110", "cpu": "8"}
    return found


def put(scene: Scene, resource: Resource, name: str, **fields: Any) -> None:
    metadata = {"name": name, "uid": f"uid-{name}"} | ({"namespace": "team"} if resource.namespaced else {})
    scene.store.put(resource, {"metadata": metadata, **fields}, NOW)


async def test_filling_and_emptying_turns_the_answer(scene: Scene) -> None:
    scene.put_node(roomy("roomy"))
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert ask(scene, gpus=8)["fits"] == "yes"
    scene.put_pod(pod("filling", on="roomy", gpus=1))
    await scene.until(lambda: ask(scene, gpus=8)["fits"] == "no", "a no")
    assert ask(scene, gpus=8)["nearest"][0]["value"] == "7"
    scene.delete_pod("filling")
    await scene.until(lambda: ask(scene, gpus=8)["fits"] == "yes", "a yes")
    # A pod without GPUs takes room, too, and no figure shows it.
    before = scene.state.current.snapshot
    plain = pod("plain", on="roomy", gpus=0)
    plain["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "8"}}
    scene.put_pod(plain)
    await scene.until(lambda: ask(scene, gpus=8, cpu=1)["fits"] == "no", "its CPU")
    assert scene.state.current.snapshot is before
    plain["status"]["phase"] = "Succeeded"
    scene.put_pod(plain)
    await scene.until(lambda: ask(scene, gpus=8, cpu=1)["fits"] == "yes", "its end")


async def test_what_admission_and_quotas_need_is_followed(scene: Scene) -> None:
    scene.put_node(roomy("roomy"))
    put(scene, NAMESPACES, "team")
    put(scene, RUNTIME_CLASSES, "kata", overhead={"podFixed": {"cpu": "1"}})
    put(scene, PRIORITY_CLASSES, "high", value=7)
    budget = {"selector": {"matchLabels": {"app": "x"}}, "minAvailable": 1}
    put(scene, POD_DISRUPTION_BUDGETS, "b", spec=budget, status={"disruptionsAllowed": 3})
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    await scene.until(lambda: not scene.state.current.fit.unseen, "all that fit needs")
    policies = scene.state.current.fit.policies
    assert set(policies.namespaces or ()) == {"team"}
    assert set(policies.runtime_classes or ()) == {"kata"}
    assert set(policies.priority_classes or ()) == {"high"}
    assert [(key.name, each.allowed) for key, each in (policies.budgets or {}).items()] == [("b", 3)]
    assert ask(scene, gpus=1, namespace="team")["quota"] == []
    put(scene, RESOURCE_QUOTAS, "q", spec={"hard": {"requests.nvidia.com/gpu": "1"}})
    await scene.until(lambda: ask(scene, gpus=2, namespace="team")["fits"] == "no", "the quota")
    scene.store.delete(RESOURCE_QUOTAS, "team/q")
    await scene.until(lambda: ask(scene, gpus=2, namespace="team")["fits"] == "yes", "the quota's end")
    put(scene, LIMIT_RANGES, "l", spec={"limits": [{"type": "Container", "defaultRequest": {"cpu": "9"}}]})
    await scene.until(lambda: ask(scene, gpus=2, namespace="team")["fits"] == "no", "the default")


async def test_a_namespace_that_is_being_deleted_takes_no_pods(scene: Scene) -> None:
    scene.put_node(roomy("roomy"))
    put(scene, NAMESPACES, "team", status={"phase": "Active"})
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    await scene.until(lambda: not scene.state.current.fit.unseen, "all that fit needs")
    assert ask(scene, gpus=1, namespace="team")["fits"] == "yes"
    put(scene, NAMESPACES, "team", status={"phase": "Terminating"})
    await scene.until(lambda: ask(scene, gpus=1, namespace="team")["fits"] == "no", "a no")
    refused = ask(scene, gpus=1, namespace="team")
    assert refused["complete"]
    assert [each["message"] for each in refused["pods"][0]["reasons"]] == [
        "unable to create new content in namespace team because it is being terminated"
    ]
    scene.store.delete(NAMESPACES, "team")
    put(scene, NAMESPACES, "team", status={"phase": "Active"})
    await scene.until(lambda: ask(scene, gpus=1, namespace="team")["fits"] == "yes", "a new one")


async def test_without_the_rights_the_figures_are_there_and_answers_name_what_is_missing(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.put_node(roomy("roomy"))
    for resource in ALL:
        scene.sim.forbid(resource)
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    await scene.until(lambda: len(scene.state.current.fit.unseen) == len(ALL), "what is unseen")
    assert scene.state.current.unseen == {}
    assert scene.state.current.outage is None
    found = ask(scene, gpus=1, namespace="team")
    assert (found["fits"], found["complete"]) == ("yes", False)
    assert {"limitranges", "priorityclasses", "resourcequotas"} <= set(found["not_checked"])

    def named() -> int:
        """Return how many resources the log names."""
        return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING].count(
            "a resource can't be read and is in no answer of fit"
        )

    await scene.until(lambda: named() >= len(ALL), "the log's lines")
    assert named() == len(ALL)
    for resource in ALL:
        scene.sim.permit(resource)
    await scene.until(lambda: not scene.state.current.fit.unseen, "all that fit needs")
    assert ask(scene, gpus=1, namespace="team")["complete"]


async def test_pending_pods_are_read_as_lists_and_lines_bring_them(scene: Scene) -> None:
    fits = PendingFits()

    async def read() -> dict[str, str]:
        """Return what is said of each pending pod."""
        current = scene.state.current
        pods = sorted(current.snapshot.pending.values(), key=lambda each: each.name)
        found = await fits.read(current.fit, pods, names=True)
        rows = {each.name: found.row(each)["fit"] for each in pods}
        return {name: row["reason"] for name, row in rows.items() if row is not None}

    scene.put_node(roomy("roomy"))
    scene.put_pod(pod("filling", on="roomy", gpus=5))
    scene.put_pod(pod("listed", on="", gpus=8))
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    short = "needs 8 nvidia.com/gpu on one node; most free is 6, on node-0"
    assert short in (await read())["listed"]
    scene.put_pod(pod("watched", on="", gpus=3))
    await scene.until(lambda: "team/watched" in scene.state.current.snapshot.pending, "the line")
    found = await read()
    assert short in found["listed"]
    assert found["watched"] == "a node has room for it: roomy"
    before = found.keys() - {"listed", "watched"}
    scene.delete_pod("listed")
    scene.put_pod(pod("watched", on="roomy", gpus=3))
    await scene.until(lambda: len(scene.state.current.fit.pending) == len(before), "the end of both")
    assert (await read()).keys() == before


async def test_what_the_scheduler_decides_is_noted_with_what_was_there_right_before(scene: Scene) -> None:
    scene.put_node(roomy("roomy"))
    scene.put_pod(pod("listed", on="", gpus=8))
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    scene.put_pod(pod("first", on="", gpus=8))
    scene.put_pod(pod("first", on="roomy", gpus=8))
    refused = pod("second", on="", gpus=1)
    scene.put_pod(refused)
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
    refused["status"]["conditions"] = [condition]
    scene.put_pod(refused)
    scene.delete_pod("listed")
    decisions: list[Decision] = []
    abstained: list[str] = []

    def are_noted() -> bool:
        found, others = scene.state.fit_decisions.take()
        decisions.extend(found)
        abstained.extend(others)
        return len(decisions) + len(abstained) == 3

    await scene.until(are_noted, "two decisions and a deletion")
    assert abstained == ["deleted"]
    bound, second = decisions
    assert (bound.key.name, bound.node, bound.message) == ("first", "roomy", None)
    assert (second.key.name, second.node, second.message) == ("second", None, "no room")
    # The first one's room is taken when the second one is refused, however soon that comes.
    assert [read_fit(each.view, each.pod).fits for each in decisions] == ["yes", "no"]
