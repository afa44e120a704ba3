"""A task goes under the top of its chain of controllers, whatever made it."""

import asyncio
import json

from lens.model.inventory.owner_chains import KEPT_SECONDS, MAX_DEPTH
from tests.held import held
from tests.integration.owners.scene import TOKEN, Scene, path, reference
from tests.integration.watch.faults import answer
from tests.integration.watch.front import Exchange


async def test_a_chain_is_read_to_its_top(scene: Scene) -> None:
    scene.put("CronJob", "nightly")
    scene.put("JobSet", "sweep", reference("CronJob", "nightly"))
    scene.put("Job", "sweep-workers-0", reference("JobSet", "sweep"))
    task = scene.run_pod("sweep-workers-0-0-x7b2p", reference("Job", "sweep-workers-0"))
    await scene.until_told(task, "CronJob", "nightly", None)
    assert task.owner == "sweep-workers-0"
    assert scene.reads("read") == 3


async def test_nothing_is_waited_for_while_there_is_an_owner_to_read(scene: Scene) -> None:
    scene.put("CronJob", "nightly")
    scene.put("JobSet", "sweep", reference("CronJob", "nightly"))
    scene.put("Job", "sweep-0", reference("JobSet", "sweep"))
    reads: list[float] = []
    scene.changes.on_wait = lambda: reads.append(scene.reads("read"))
    task = scene.run_pod("sweep-0-0", reference("Job", "sweep-0"))
    await scene.until_told(task, "CronJob", "nightly", None)
    assert set(reads) <= {0, 3}


async def test_many_pods_are_looked_through_for_owners_while_others_run(scene: Scene) -> None:
    owner = reference("Job", "sweep")
    for number in range(20_000):
        scene.run_pod(f"sweep-{number}", owner, f"node-{number % 1_000}")
    scene.count()
    async with held() as loop:
        await scene.until(lambda: len(scene.owner_chains) == 1, lambda: "the owner to be known of")
    assert loop.longest < loop.total / 5


async def test_only_metadata_is_asked_for_with_our_token_and_each_owner_once(scene: Scene) -> None:
    scene.put("Deployment", "chat")
    scene.put("ReplicaSet", "chat-7d4b9", reference("Deployment", "chat"))
    tasks = [
        scene.run_pod(f"chat-7d4b9-{number}", reference("ReplicaSet", "chat-7d4b9")) for number in range(20)
    ]
    for task in tasks:
        await scene.until_told(task, "Deployment", "chat", None)
    assert [request.path for request in scene.front.requests] == [
        "/apis/apps/v1",
        path("ReplicaSet", "chat-7d4b9"),
        path("Deployment", "chat"),
    ]
    for request in scene.front.requests[1:]:
        first = request.headers["accept"].split(",")[0]
        assert first == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    assert {request.headers["authorization"] for request in scene.front.requests} == {f"Bearer {TOKEN}"}


async def test_a_custom_resource_that_something_else_owns_is_not_the_top(scene: Scene) -> None:
    scene.put("JobSet", "experiment")
    scene.put("PyTorchJob", "llm", reference("JobSet", "experiment"))
    task = scene.run_pod("llm-master-0", reference("PyTorchJob", "llm"))
    await scene.until_told(task, "JobSet", "experiment", None)


async def test_a_chain_that_leads_through_a_pod_is_followed(scene: Scene) -> None:
    # A LeaderWorkerSet's leader pod controls the StatefulSet of its workers.
    scene.put("PyTorchJob", "serve")
    scene.put("Pod", "serve-0", reference("PyTorchJob", "serve"), labels={})
    scene.put("ReplicaSet", "serve-0-workers", reference("Pod", "serve-0"))
    task = scene.run_pod("serve-0-1", reference("ReplicaSet", "serve-0-workers"))
    await scene.until_told(task, "PyTorchJob", "serve", None)


async def test_a_pod_that_waits_for_gpus_has_its_chain_too(scene: Scene) -> None:
    scene.put("JobSet", "llm")
    scene.put("Job", "llm-0", reference("JobSet", "llm"))
    waiting = scene.run_pod("llm-0-0", reference("Job", "llm-0"), node=None)
    await scene.until_told(waiting, "JobSet", "llm", None)


async def test_an_owner_that_does_not_control_is_not_followed(scene: Scene) -> None:
    scene.put("JobSet", "llm")
    scene.put("Job", "llm-0", reference("JobSet", "llm") | {"controller": False})
    task = scene.run_pod("llm-0-0", reference("Job", "llm-0"))
    await scene.until_told(task, "Job", "llm-0", None)


async def test_a_version_that_is_no_longer_served_is_found_in_the_groups_own(scene: Scene) -> None:
    scene.put("CronJob", "nightly")
    scene.put("Job", "odd-name", reference("CronJob", "nightly", api_version="batch/v1beta1"))
    task = scene.run_pod("odd-name-x", reference("Job", "odd-name"))
    await scene.until_told(task, "CronJob", "nightly", None)


async def test_a_cycle_of_owners_ends(scene: Scene) -> None:
    scene.put("Job", "one", reference("Job", "two"))
    scene.put("Job", "two", reference("Job", "three"))
    scene.put("Job", "three", reference("Job", "one"))
    task = scene.run_pod("one-0", reference("Job", "one"))
    await scene.until_told(task, "Job", "three", "CYCLE")
    assert scene.reads("read") == 3


async def test_of_a_chain_of_20_as_much_is_read_as_any_real_one_has(scene: Scene) -> None:
    for number in range(20):
        above = reference("Job", f"job-{number + 1}") if number < 19 else None
        scene.put("Job", f"job-{number}", above)
    task = scene.run_pod("job-0-x", reference("Job", "job-0"))
    await scene.until_told(task, "Job", f"job-{MAX_DEPTH}", "TOO_DEEP")
    assert scene.reads("read") == MAX_DEPTH


async def test_a_new_owner_shows_once_its_reading_is_old(scene: Scene) -> None:
    scene.put("Job", "train")
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", None)
    scene.put("JobSet", "sweep")
    scene.put("Job", "train", reference("JobSet", "sweep"))
    scene.clock.ahead += KEPT_SECONDS
    await scene.until_told(task, "JobSet", "sweep", None)


async def test_owner_chains_are_published_only_when_they_change(scene: Scene) -> None:
    scene.put("Job", "train")
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", None)
    told = scene.told
    scene.clock.ahead += KEPT_SECONDS
    await scene.until(lambda: scene.asked(path("Job", "train")) == 2, lambda: "a second reading")
    scene.run_pod("other-0", None)
    await asyncio.sleep(0.3)
    assert scene.told == told


async def test_a_server_that_knows_only_whole_objects_serves_too(scene: Scene) -> None:
    scene.put("JobSet", "sweep")

    async def whole(exchange: Exchange) -> None:
        _, body = await exchange.answer_of_upstream()
        document = json.loads(body) | {"kind": "Job", "apiVersion": "batch/v1", "spec": {"metadata": []}}
        await answer(200, json.dumps(document).encode())(exchange)

    scene.front.always(scene.put("Job", "train", reference("JobSet", "sweep")), whole)
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "JobSet", "sweep", None)


async def test_a_password_in_the_apiservers_url_is_no_hindrance(scene: Scene) -> None:
    scene.use_server(scene.front.url.replace("//", "//somebody:secret@"))
    scene.put("Job", "train")
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", None)
    assert {request.headers["authorization"] for request in scene.front.requests} == {f"Bearer {TOKEN}"}


async def test_an_apiserver_below_a_path_is_asked_there(scene: Scene) -> None:
    scene.front.prefix = "/k8s/clusters/c-1"
    scene.use_server(scene.front.url + "/k8s/clusters/c-1")
    scene.put("Job", "train")
    task = scene.run_pod("train-0", reference("Job", "train"))
    await scene.until_told(task, "Job", "train", None)
