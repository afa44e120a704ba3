"""The quickstart works: in a pod by the name of the Service, and from a desk through a port-forward."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.docs import test_quickstart as quickstart
from tests.e2e.node.caller import calling_pod
from tests.e2e.node.commands import Commands, eventually, run
from tests.e2e.node.host import images
from tests.e2e.node.release import Caller, Release, gpu_pod

STATUS = "http://lens-api/api/v1/realtime/status?cluster=prod-cluster"
TASKS = "http://lens-api/api/v1/realtime/running-tasks?cluster=prod-cluster"
HEADER = '-H "Authorization: Bearer $TOKEN"'

# As people paste them, and what they print where one pod of the namespace ml-team has two of eight GPUs.
COMMANDS: list[tuple[str, list[Any]]] = [
    (f'curl -s -X GET "{STATUS}" {HEADER} | jq .meta', [{"code": 2000, "message": "OK"}]),
    (
        f'curl -s -X GET "{STATUS}" {HEADER} | jq .data.available_resources',
        [
            {
                "available_gpus": 6,
                "available_nodes": 1,
                "max_contiguous_gpu": 6,
                "max_contiguous_gpu_product": "NVIDIA-H100-80GB-HBM3",
                "max_contiguous_gpu_reason": None,
            }
        ],
    ),
    (
        f'curl -s -X GET "{STATUS}" {HEADER} | jq .data.current_gpu_usage.allocation_rate',
        [25.0],
    ),
    (f'curl -s -X GET "{TASKS}" {HEADER} | jq .data.total_tasks', [1]),
    (f'curl -s -X GET "{TASKS}" {HEADER} | jq ".data.tasks[] | select(.running_time_seconds > 86400)"', []),
    (f'curl -s -X GET "{TASKS}&namespace=ml-team" {HEADER} | jq "[.data.tasks[].allocated_gpus] | add"', [2]),
    (f'curl -s -X GET "{STATUS}&include=nodes" {HEADER} | jq ".data.nodes[].node_name"', ["gpu-node-1"]),
    (
        f'curl -s -X GET "{STATUS}&include=nodes&include=alerts&include=events" {HEADER}'
        ' | jq "(.data.alerts | type), (.data.recent_events | type)"',
        ["array", "array"],
    ),
    (
        f'curl -s -X GET "http://lens-api/api/v1/clusters" {HEADER} | jq ".data.clusters[].name"',
        ["prod-cluster"],
    ),
    (
        'curl -s -X GET "http://lens-api/api/v1/realtime/status" | jq .meta',
        [{"code": 4000, "message": "Invalid parameter: cluster is required"}],
    ),
    (f'curl -s -X GET "{STATUS}" | jq .meta', [{"code": 4001, "message": "Unauthorized"}]),
]

PROGRAMS = {
    "status": (quickstart.SIMPLE, "25.0% 6"),
    "can-schedule": (quickstart.CAN_SCHEDULE, "False 1"),
    "dashboard": (quickstart.DASHBOARD, "prod-cluster"),
    "long-running": (quickstart.LONG_RUNNING, ""),
}


@pytest.fixture(scope="module", autouse=True)
def task(commands: Commands, release: Release) -> Iterator[None]:
    """Have a pod hold two GPUs, and wait until Lens knows."""
    commands.kubectl("create", "namespace", "ml-team")
    commands.apply(gpu_pod("training-job-1-worker-0", "ml-team", 2, images.PAUSE))
    commands.kubectl("-n", "ml-team", "wait", "--for=condition=Ready", "--timeout=60s", "pod", "--all")
    yield
    commands.kubectl("delete", "namespace", "ml-team")


@pytest.fixture
def counted(viewer: Caller) -> str:
    """Return a token, once all replicas tell of the pod."""
    eventually(
        lambda: all(told["running_tasks"] == 1 for told in viewer.everywhere("/api/v1/realtime/status")),
        "running task",
    )
    return viewer.token


@pytest.fixture(scope="module")
def pod(commands: Commands, release: Release) -> Iterator[str]:
    """Return a pod in the namespace of the release."""
    with calling_pod(commands, release.namespace) as name:
        yield name


@pytest.fixture(scope="module")
def forwarded(commands: Commands, release: Release) -> Iterator[str]:
    """Return the base URL of a port-forward of the Service."""
    argv = ["kubectl", "--namespace", release.namespace, "port-forward", "svc/lens-api", ":80"]
    environment = {**os.environ, **commands.environment}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # Forwarding from 127.0.0.1:40123 -> 8080
        assert first.startswith("Forwarding from "), first
        yield f"http://{first.split()[2]}"
        process.terminate()


def _printed(output: str) -> list[Any]:
    decoder, found, rest = json.JSONDecoder(), [], output.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


@pytest.mark.parametrize(("command", "printed"), COMMANDS)
def test_a_command_line_works_in_a_pod_as_it_is_written(
    release: Release, pod: str, counted: str, command: str, printed: list[Any]
) -> None:
    shell = f"TOKEN={counted}; {command}"
    assert _printed(release.kubectl("exec", pod, "--", "bash", "-o", "pipefail", "-c", shell)) == printed


def test_another_namespace_finds_it_by_its_full_name(commands: Commands, counted: str) -> None:
    with calling_pod(commands, "ml-team") as name:
        url = STATUS.replace("lens-api", "lens-api.lens")
        argv = ("curl", "-s", url, "-H", f"Authorization: Bearer {counted}")
        answer = json.loads(commands.kubectl("-n", "ml-team", "exec", name, "--", *argv))
    assert answer["data"]["running_tasks"] == 1


@pytest.mark.parametrize(("command", "printed"), COMMANDS)
def test_a_command_line_works_through_a_port_forward(
    forwarded: str, counted: str, command: str, printed: list[Any]
) -> None:
    shell = command.replace("http://lens-api", forwarded)
    assert _printed(run(["bash", "-o", "pipefail", "-c", shell], {"TOKEN": counted})) == printed


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_works_through_a_port_forward(forwarded: str, counted: str, name: str) -> None:
    program, printed = PROGRAMS[name]
    settings = f"API, TOKEN = {forwarded!r}, {counted!r}\n"
    said = run([sys.executable, "-c", settings + quickstart.ASK_STATUS + program], {})
    assert said.startswith(printed)
    assert bool(said) == bool(printed)
