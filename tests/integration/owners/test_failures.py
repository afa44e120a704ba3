"""An owner that can't be read leaves the last known step, says so, and costs nobody else anything."""

import asyncio
import json

import pytest

from lens.kube.client.object_reader import FORBIDDEN_SECONDS, MAX_BODY_BYTES
from lens.kube.client.rest_mapper import MISSING_SECONDS
from lens.model.inventory.owner_chains import KEPT_SECONDS
from lens.model.k8s.bounds import LONGEST_NAME, short
from tests.integration.owners.scene import Scene, path, reference
from tests.integration.watch.faults import answer, hang, html, raw, reset, status
from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import Object


async def one_that_is_well(scene: Scene) -> None:
    """See that another owner is read whatever happens to the first."""
    scene.put("PyTorchJob", "well")
    well = scene.run_pod("well-0", reference("PyTorchJob", "well"))
    await scene.until_told(well, "PyTorchJob", "well", None)


@pytest.mark.parametrize("code", [401, 403])
async def test_what_may_not_be_read_is_the_last_known_step_until_it_may(scene: Scene, code: int) -> None:
    scene.put("Job", "train", reference("JobSet", "sweep"))
    sweep = scene.put("JobSet", "sweep", reference("CronJob", "nightly"))
    scene.put("CronJob", "nightly")
    scene.front.always(sweep, status(code))
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "JobSet", "sweep", "FORBIDDEN")
    scene.front.always(sweep, None)
    scene.clock.ahead += FORBIDDEN_SECONDS
    await scene.until_told(task, "CronJob", "nightly", None)


async def test_where_one_is_forbidden_its_siblings_are_not_asked_for(scene: Scene) -> None:
    names = [f"sweep-{number}" for number in range(40)]
    for name in names:
        scene.front.always(scene.put("JobSet", name), status(403))
        scene.put("Job", name, reference("JobSet", name))
    tasks = [scene.run_pod(f"{name}-x", reference("Job", name)) for name in names]
    for task, name in zip(tasks, names, strict=True):
        await scene.until_told(task, "JobSet", name, "FORBIDDEN")
    # Those that were under way when the first was refused, at most.
    assert sum(scene.asked(path("JobSet", name)) for name in names) <= 10
    assert scene.reads("forbidden") <= 10
    await one_that_is_well(scene)


async def test_an_owner_that_is_gone_leaves_its_name(scene: Scene) -> None:
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", "GONE")
    await one_that_is_well(scene)


async def test_what_was_known_of_an_owner_outlives_it(scene: Scene) -> None:
    scene.put("JobSet", "sweep")
    scene.put("Job", "train", reference("JobSet", "sweep"))
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "JobSet", "sweep", None)
    scene.delete("Job", "train")
    scene.clock.ahead += KEPT_SECONDS
    await scene.until_told(task, "JobSet", "sweep", "GONE")


async def test_a_recreated_owner_of_the_same_name_is_not_taken_for_the_old_one(scene: Scene) -> None:
    scene.put("JobSet", "sweep")
    scene.put("Job", "train", reference("JobSet", "sweep"))
    old = scene.run_pod("train-old", reference("Job", "train", uid="uid-of-the-old-one"))
    new = scene.run_pod("train-new", reference("Job", "train"))
    await scene.until_told(new, "JobSet", "sweep", None)
    await scene.until_told(old, "Job", "train", "GONE")


async def test_a_kind_that_nobody_serves_is_said_to_be_one_until_it_is_served(scene: Scene) -> None:
    scene.put("PyTorchJob", "llm", reference("TrainJob", "llm", api_version="trainer.example.com/v1"))
    task = scene.run_pod("llm-0", reference("PyTorchJob", "llm"))
    await scene.until_told(task, "TrainJob", "llm", "UNKNOWN_KIND")
    found: Object = {"metadata": {"name": "llm", "namespace": "team", "uid": "uid-llm"}}
    kinds = {"resources": [{"name": "trainjobs", "kind": "TrainJob", "namespaced": True}]}
    scene.front.always("/apis/trainer.example.com/v1", answer(200, json.dumps(kinds).encode()))
    scene.front.always(
        "/apis/trainer.example.com/v1/namespaces/team/trainjobs/llm", answer(200, json.dumps(found).encode())
    )
    scene.clock.ahead += MISSING_SECONDS
    await scene.until_told(task, "TrainJob", "llm", None)


@pytest.mark.parametrize(
    "fault", [status(500), status(503), status(429, Retry_After="1"), reset, hang, raw(b"hello\r\n\r\n")]
)
async def test_what_does_not_answer_is_asked_again_until_it_does(scene: Scene, fault: Fault) -> None:
    train = scene.put("Job", "train", reference("JobSet", "sweep"))
    scene.put("JobSet", "sweep")
    scene.front.always(train, fault)
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", "UNREACHABLE")
    await one_that_is_well(scene)
    scene.front.always(train, None)
    await scene.until_told(task, "JobSet", "sweep", None)


async def test_a_resource_that_hangs_holds_nobody_else_up_for_long(scene: Scene) -> None:
    names = [f"hanging-{number}" for number in range(60)]
    for name in names:
        scene.front.always(scene.put("JobSet", name), hang)
    tasks = [scene.run_pod(f"{name}-0", reference("JobSet", name)) for name in names]
    await one_that_is_well(scene)
    for task, name in zip(tasks, names, strict=True):
        await scene.until_told(task, "JobSet", name, "UNREACHABLE")
    assert sum(scene.front.seen(path("JobSet", name)) for name in names) <= 40


async def test_the_more_often_it_fails_the_less_often_it_is_asked(scene: Scene) -> None:
    train = scene.put("Job", "train")
    scene.front.always(train, status(503))
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", "UNREACHABLE")
    for pause, times in ((1, 2), (2, 3), (4, 4)):
        scene.clock.ahead += pause
        await scene.until(lambda times=times: scene.asked(train) == times, lambda: "another attempt")  # type: ignore[misc]
        await asyncio.sleep(0.25)
        assert scene.asked(train) == times


def endless(document: bytes) -> Fault:
    """Answer with more than anybody reads."""

    async def fault(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + document)
        for _ in range(MAX_BODY_BYTES // 2**16 + 64):
            await exchange.send(b" " * 2**16)

    return fault


def job_metadata(**metadata: object) -> Fault:
    """Answer with metadata that is not quite that of the Job."""
    ours: Object = {"name": "train", "namespace": "team", "uid": "uid-train"}
    return answer(200, json.dumps({"metadata": ours | metadata}).encode())


@pytest.mark.parametrize(
    "fault",
    [
        html(),
        answer(200, b""),
        answer(200, b"null"),
        answer(200, b"[]"),
        answer(200, b'{"metadata": {}}'),
        answer(200, b"\xff\xfe{"),
        answer(200, b"[" * 100_000),
        job_metadata(name="another"),
        job_metadata(namespace="theirs"),
        job_metadata(ownerReferences="none"),
        job_metadata(ownerReferences=[{"controller": "yes"}]),
        status(406),
        endless(b'{"metadata": {"name": "train"'),
    ],
)
async def test_nonsense_is_called_unreadable(scene: Scene, fault: Fault) -> None:
    train = scene.put("Job", "train")
    scene.front.always(train, fault)
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", "UNREADABLE")
    await one_that_is_well(scene)
    assert scene.reads("unreadable") == 1


@pytest.mark.parametrize(
    "above",
    [
        reference("Job", "../../../secrets/token"),
        reference("Job", ".."),
        reference("Job", "."),
        reference("Job", "a/b"),
        reference("Job", "a%2e"),
        reference("Job", "a\r\nX-Injected: 1"),
        reference("Job", "a b"),
        reference("Job", "x" * 300),
        reference("Job", "a", api_version="../v1"),
        reference("Job", "a", api_version="batch/v1/namespaces/other"),
        reference("Job", "a", api_version="batch/../../v1"),
        reference("Job", "a", api_version="v1?watch=true"),
        reference("Job", "a", api_version="v1" + "x" * 1000),
    ],
)
async def test_a_name_that_is_a_path_leads_nowhere(scene: Scene, above: Object) -> None:
    task = scene.run_pod("train-0", above)
    await scene.until_told(task, "Job", short(above["name"], LONGEST_NAME), "UNREADABLE")
    assert {request.path for request in scene.front.requests} <= {"/apis/batch/v1"}


async def test_an_object_of_the_cluster_is_no_child_of_a_namespaces(scene: Scene) -> None:
    node: Object = {
        "metadata": {
            "name": "node-1",
            "uid": "uid-node-1",
            "ownerReferences": [reference("Job", "train")],
        }
    }
    scene.front.always("/api/v1/nodes/node-1", answer(200, json.dumps(node).encode()))
    task = scene.run_pod("static-0", reference("Node", "node-1", api_version="v1"))
    await scene.until_told(task, "Job", "train", "UNREADABLE")


async def test_discovery_that_fails_is_asked_again(scene: Scene) -> None:
    scene.put("JobSet", "sweep")
    scene.put("Job", "train", reference("JobSet", "sweep"))
    scene.front.script("/apis/batch/v1", status(503), html(), status(403))
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", "UNREACHABLE")
    scene.clock.ahead += 10
    await scene.until_told(task, "Job", "train", "UNREADABLE")
    scene.clock.ahead += MISSING_SECONDS
    await scene.until_told(task, "Job", "train", "FORBIDDEN")
    scene.clock.ahead += FORBIDDEN_SECONDS
    await scene.until_told(task, "JobSet", "sweep", None)


async def test_no_redirect_is_followed(scene: Scene) -> None:
    elsewhere = f"{scene.front.url}/elsewhere"
    train = scene.put("Job", "train")
    scene.front.always(train, answer(307, Location=elsewhere))
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", "UNREACHABLE")
    assert scene.asked("/elsewhere") == 0


async def test_a_rotated_token_is_read_again(scene: Scene) -> None:
    scene.put("Job", "train")
    scene.front.script(path("Job", "train"), status(401))
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", None)
    assert scene.asked(path("Job", "train")) == 2


async def test_who_has_no_pods_any_more_is_not_read_again(scene: Scene) -> None:
    scene.put("Job", "train")
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", None)
    scene.end_pod(task)
    await scene.until(lambda: not scene.owner_chains, lambda: "nothing to be known")
    scene.clock.ahead += 2 * KEPT_SECONDS
    await one_that_is_well(scene)
    assert scene.asked(path("Job", "train")) == 1


async def test_a_defect_in_storing_one_owner_leaves_the_others_named(scene: Scene) -> None:
    scene.tracker.defective.add("train")
    scene.put("Job", "train", reference("CronJob", "nightly"))
    scene.put("CronJob", "nightly")
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", "UNREADABLE")
    assert scene.reads("defect") == 1
    await one_that_is_well(scene)
    scene.tracker.defective.clear()
    scene.clock.ahead += KEPT_SECONDS
    await scene.until_told(task, "CronJob", "nightly", None)
