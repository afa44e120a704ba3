"""The programs and command lines that users already have go on working."""

import asyncio
import json
import sys
from typing import Any

import pytest

from tests import required
from tests.contract.conftest import NOW, TOKEN, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, node, pod

ASK_STATUS = """
import requests

def status(cluster):
    answer = requests.get(API + "/api/v1/realtime/status", params={"cluster": cluster},
                          headers={"Authorization": "Bearer " + TOKEN})
    return answer.json()["data"]
"""

SIMPLE = """
now = status("prod-cluster")
print(f"{now['current_gpu_usage']['allocation_rate']}% {now['available_resources']['available_gpus']}")
"""

CAN_SCHEDULE = """
free = status("prod-cluster")["available_resources"]
print(free["max_contiguous_gpu"] >= 8, free["available_nodes"])
"""

DASHBOARD = """
now = status("prod-cluster")
gpus, free = now["current_gpu_usage"], now["available_resources"]
print(now["cluster"], now["timestamp"], f"{gpus['allocation_rate']:.1f} {gpus['utilization_rate']:.1f}",
      free["available_gpus"], now["running_tasks"])
"""

LONG_RUNNING = """
answer = requests.get(API + "/api/v1/realtime/running-tasks", params={"cluster": "prod-cluster"},
                      headers={"Authorization": "Bearer " + TOKEN})
for task in answer.json()["data"]["tasks"]:
    if task["running_time_seconds"] > 48 * 3600:
        print(f"{task['pod_name']} {task['running_time_seconds'] / 3600:.1f} {task['allocated_gpus']}")
"""

AGE = """
from datetime import datetime, timezone
moment = datetime.fromisoformat(status("prod-cluster")["timestamp"].replace("Z", "+00:00"))
print(moment == datetime(2025, 12, 19, 15, 30, tzinfo=timezone.utc))
"""


@pytest.fixture
async def busy(serve: Serve, cluster: Cluster, clock: Clock) -> Api:
    """Serve 80 GPUs of which 64 are allocated to 32 tasks."""
    cluster.add(*(node(f"gpu-node-{number}") for number in range(10)))
    for number in range(32):
        started = "2025-12-17T14:30:00Z" if number == 0 else "2025-12-19T14:30:00Z"
        namespace = "ml-team" if number < 8 else "other"
        cluster.add(pod(f"task-{number}", f"gpu-node-{number // 4}", 2, namespace=namespace, started=started))
    cluster.publish(NOW)
    return await serve()


async def run(*command: str) -> str:
    """Run a command to its good end and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        (SIMPLE, "80.0% 16\n"),
        (CAN_SCHEDULE, "True 2\n"),
        (DASHBOARD, "prod-cluster 2025-12-19T15:30:00Z 80.0 0.0 16 32\n"),
        (LONG_RUNNING, "task-0 49.0 2\n"),
        (AGE, "True\n"),
    ],
)
async def test_a_program_with_requests_works(busy: Api, program: str, printed: str) -> None:
    settings = f"API, TOKEN = {busy.server.url!r}, {TOKEN!r}\n"
    assert await run(sys.executable, "-c", settings + ASK_STATUS + program) == printed


async def curl(api: Api, path: str, *more: str, jq: str = ".") -> Any:
    """Send ``path`` with curl, put the answer through jq, and return what that prints."""
    for tool in ("curl", "jq"):
        required.program(tool)
    shell = 'curl --silent --show-error -X GET "$0" "${@:2}" | jq --compact-output "$1"'
    printed = await run("bash", "-o", "pipefail", "-c", shell, api.server.url + path, jq, *more)
    return [json.loads(line) for line in printed.splitlines()]


STATUS = "/api/v1/realtime/status?cluster=prod-cluster"
TASKS = "/api/v1/realtime/running-tasks?cluster=prod-cluster"
WITH_TOKEN = ("-H", f"Authorization: Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("path", "jq", "printed"),
    [
        (STATUS, ".meta", [{"code": 2000, "message": "OK"}]),
        (
            STATUS,
            ".data.available_resources",
            [
                {
                    "available_gpus": 16,
                    "available_nodes": 2,
                    "max_contiguous_gpu": 8,
                    "max_contiguous_gpu_product": None,
                    "max_contiguous_gpu_reason": "UNKNOWN_PRODUCT",
                }
            ],
        ),
        (
            STATUS,
            ".data.current_gpu_usage",
            [
                {
                    "total_gpus": 80,
                    "allocated_gpus": 64,
                    "utilized_gpus": 0,
                    "allocation_rate": 80.0,
                    "utilization_rate": 0.0,
                }
            ],
        ),
        (TASKS, ".data.total_tasks", [32]),
        (TASKS, ".data.tasks[] | select(.running_time_seconds > 86400) | .pod_name", ["task-0"]),
        (f"{TASKS}&namespace=ml-team", "[.data.tasks[].allocated_gpus] | add", [16]),
        (f"{STATUS}&include=nodes", ".data.nodes | length", [10]),
        (
            f"{STATUS}&include=nodes&include=alerts&include=events",
            "(.data.nodes | length), (.data.alerts | type), (.data.recent_events | type)",
            [10, "array", "array"],
        ),
        ("/api/v1/clusters", ".data.clusters[].name", ["prod-cluster"]),
    ],
)
async def test_a_command_line_with_curl_and_jq_works(
    busy: Api, path: str, jq: str, printed: list[Any]
) -> None:
    assert await curl(busy, path, *WITH_TOKEN, jq=jq) == printed


@pytest.mark.parametrize(
    ("path", "more", "meta"),
    [
        ("/api/v1/realtime/status", (), {"code": 4000, "message": "Invalid parameter: cluster is required"}),
        (STATUS, (), {"code": 4001, "message": "Unauthorized"}),
    ],
)
async def test_a_wrong_command_line_is_an_error_that_names_the_mistake(
    busy: Api, path: str, more: tuple[str, ...], meta: dict[str, Any]
) -> None:
    assert await curl(busy, path, *more) == [{"meta": meta, "data": None}]
