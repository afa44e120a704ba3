"""What the kubelet gave to whom, and how busy it is, shows as it is, in each replica."""

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.programs.components import NODE
from tests.e2e.node.commands import Commands, eventually
from tests.e2e.node.host import images
from tests.e2e.node.host.gpus import COUNT, Gpus
from tests.e2e.node.release import STATUS, TASKS, Caller, gpu_pod

PODS = {"training": 4, "serving": 1, "notebook": 1}
FREE = COUNT - sum(PODS.values())

Holders = dict[str, set[str]]


@pytest.fixture(scope="module")
def holders(commands: Commands, gpus: Gpus) -> Iterator[Holders]:
    """Return the uuids of the GPUs of each pod, as the pod itself was told them."""
    commands.apply(*(gpu_pod(name, "default", count, images.CALLER) for name, count in PODS.items()))
    commands.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *(f"pod/{name}" for name in PODS))
    yield {name: _visible(commands, name) for name in PODS}
    commands.kubectl("delete", "pod", *PODS)


def _visible(commands: Commands, pod: str) -> set[str]:
    return set(commands.kubectl("exec", pod, "--", "printenv", "NVIDIA_VISIBLE_DEVICES").strip().split(","))


def test_the_figures_are_those_of_the_node(viewer: Caller, holders: Holders) -> None:
    def figures() -> list[tuple[int, ...]]:
        return [
            (
                status["current_gpu_usage"]["total_gpus"],
                status["current_gpu_usage"]["allocated_gpus"],
                status["running_tasks"],
                status["available_resources"]["max_contiguous_gpu"],
            )
            for status in viewer.everywhere(STATUS)
        ]

    right = (COUNT, sum(PODS.values()), len(PODS), FREE)
    eventually(lambda: figures() == [right, right], f"answers of both replicas with {right}")


def test_each_pod_is_shown_with_the_very_gpus_that_it_was_given(
    viewer: Caller, holders: Holders, gpus: Gpus
) -> None:
    assert {name: len(uuids) for name, uuids in holders.items()} == PODS
    assert len(set.union(*holders.values())) == sum(PODS.values())

    def by_task() -> list[Holders]:
        return [
            {task["pod_name"]: set(task["gpu_uuids"] or ()) for task in told["tasks"]}
            for told in viewer.everywhere(TASKS)
        ]

    def by_gpu() -> list[dict[str, list[str]]]:
        return [
            {gpu["uuid"]: [holder["pod"] for holder in gpu["holders"]] for gpu in told["gpus"]}
            for told in viewer.everywhere(f"/api/v1/realtime/nodes/{NODE}")
        ]

    held = {uuid: [name for name, uuids in holders.items() if uuid in uuids] for uuid in gpus.uuids}
    eventually(lambda: by_task() == [holders, holders], "tasks with the pods' own GPUs")
    eventually(lambda: by_gpu() == [held, held], "GPUs with the pods that hold them")


def test_how_busy_a_pod_keeps_its_gpus_is_what_the_library_says(
    viewer: Caller, holders: Holders, gpus: Gpus
) -> None:
    gpus.play(dict.fromkeys(holders["training"], 90.0) | dict.fromkeys(holders["serving"], 20.0))
    busy = {"training": 90.0, "serving": 20.0, "notebook": 0.0}

    def by_task() -> list[dict[str, float]]:
        return [
            {task["pod_name"]: task["utilization"] for task in told["tasks"]}
            for told in viewer.everywhere(TASKS)
        ]

    def overall() -> list[tuple[int, float]]:
        usages = [status["current_gpu_usage"] for status in viewer.everywhere(STATUS)]
        return [(usage["utilized_gpus"], usage["utilization_rate"]) for usage in usages]

    eventually(lambda: by_task() == [busy, busy], "utilization of each task")
    right = (PODS["training"], (4 * 90 + 20) / COUNT)
    eventually(lambda: overall() == [right, right], f"utilization of the cluster of {right}")


def test_a_gpu_that_its_plugin_calls_unhealthy_can_not_be_had(
    viewer: Caller, holders: Holders, gpus: Gpus
) -> None:
    def available() -> list[int]:
        return [status["available_resources"]["available_gpus"] for status in viewer.everywhere(STATUS)]

    gpus.plugin.fail(next(uuid for uuid in gpus.uuids if uuid not in set.union(*holders.values())))
    eventually(lambda: available() == [FREE - 1] * 2, "one GPU less to be had")
    gpus.plugin.fail()
    eventually(lambda: available() == [FREE] * 2, "the GPU again")
