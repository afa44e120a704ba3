"""The tools for models, each with its request to Lens' API."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from lens.mcp import answers
from lens.mcp.arguments import (
    AlertsArguments,
    Arguments,
    ClusterArguments,
    FitArguments,
    ListArguments,
    NodeArguments,
    NodesArguments,
    PendingTasksArguments,
    TasksArguments,
    WhyArguments,
)
from lens.mcp.client import ApiRequest, RequestError

A = TypeVar("A", bound=Arguments)

REALTIME = "/api/v1/realtime"

MAX_CHARACTERS = 40_000
"""The length of an answer, some 12,000 tokens. A longer answer gets fewer entries."""

_MAX_GPUS = 128
_PAGE, _MAX_PAGES = 500, 20


Get = Callable[[ApiRequest, type[Any]], Awaitable[Any]]
"""Sends a request with the caller's token, and returns the response's data as a type. Raises RequestError."""


@dataclass(frozen=True)
class Tool(Generic[A]):
    """A tool. ``answer`` takes the number of entries for which there is room."""

    name: str
    title: str
    description: str
    arguments: type[A]
    answer: Callable[[Get, A, int], Awaitable[object]]

    async def call(self, get: Get, arguments: A) -> str:
        """Return the answer as JSON of at most MAX_CHARACTERS. Raise RequestError."""
        entries = arguments.limit if isinstance(arguments, ListArguments) else _MAX_GPUS
        while (
            len(text := msgspec.json.encode(await self.answer(get, arguments, entries)).decode())
            > MAX_CHARACTERS
        ):
            if entries == 1:
                raise RequestError(f"The answer has more than {MAX_CHARACTERS} characters")
            entries //= 2
        return text


async def _clusters(get: Get, _arguments: Arguments, entries: int) -> object:
    answer = await get(ApiRequest("/api/v1/clusters"), answers.Clusters)
    answer.clusters = answer.clusters[:entries]
    return answer


async def _status(get: Get, arguments: ClusterArguments, _entries: int) -> object:
    return await get(ApiRequest(f"{REALTIME}/status", {"cluster": arguments.cluster}), answers.Status)


async def _running_tasks(get: Get, arguments: TasksArguments, entries: int) -> object:
    query = arguments.model_dump(by_alias=True) | {"limit": entries}
    return await get(ApiRequest(f"{REALTIME}/running-tasks", query), answers.Tasks)


async def _pending_tasks(get: Get, arguments: PendingTasksArguments, entries: int) -> object:
    query = arguments.model_dump(by_alias=True) | {"limit": entries}
    return await get(ApiRequest(f"{REALTIME}/pending-tasks", query), answers.PendingTasks)


async def _why(get: Get, arguments: WhyArguments, _entries: int) -> object:
    query: dict[str, str | int | None] = {
        "cluster": arguments.cluster,
        "namespace": arguments.namespace,
        "limit": _PAGE,
    }
    for _ in range(_MAX_PAGES):
        answer = await get(ApiRequest(f"{REALTIME}/pending-tasks", query), answers.PendingTasks)
        answer.tasks = [task for task in answer.tasks if task.pod_name == arguments.pod]
        if answer.tasks:
            # As a list of one, which has the same form as list_pending_tasks.
            answer.total_tasks, answer.continue_ = 1, None
            return answer
        if answer.continue_ is None:
            raise RequestError(f"{arguments.namespace}/{arguments.pod} doesn't wait for GPUs")
        query["continue"] = answer.continue_
    raise RequestError(f"{arguments.namespace} has over {_PAGE * _MAX_PAGES} pods that wait for GPUs")


async def _nodes(get: Get, arguments: NodesArguments, entries: int) -> object:
    query = arguments.model_dump(by_alias=True) | {"limit": entries}
    return await get(ApiRequest(f"{REALTIME}/nodes", query), answers.Nodes)


async def _node(get: Get, arguments: NodeArguments, entries: int) -> object:
    request = ApiRequest(f"{REALTIME}/nodes/{arguments.node}", {"cluster": arguments.cluster})
    answer = await get(request, answers.NodeDetail)
    answer.gpus = answer.gpus[:entries]
    return answer


async def _fit(get: Get, arguments: FitArguments, entries: int) -> object:
    answer = await get(ApiRequest(f"{REALTIME}/fit", arguments.model_dump()), answers.Fit)
    for pods in answer.pods:
        pods.placements = pods.placements[:entries]
    return answer


async def _alerts(get: Get, arguments: AlertsArguments, entries: int) -> object:
    query = {"cluster": arguments.cluster, "include": "alerts"}
    answer = await get(ApiRequest(f"{REALTIME}/status", query), answers.Alerts)
    alerts = [
        alert
        for alert in answer.alerts
        if arguments.severity in (None, alert.severity) and arguments.namespace in (None, alert.namespace)
    ]
    answer.total_alerts, answer.alerts = len(alerts), alerts[:entries]
    return answer


TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "list_clusters",
        "GPU clusters",
        "The Kubernetes clusters that can be asked for, with their numbers of GPUs. Start here: all other "
        "tools want a cluster's name.",
        Arguments,
        _clusters,
    ),
    Tool(
        "get_status",
        "A cluster's GPUs now",
        "A cluster's GPUs in figures, now: how many there are, are allocated to pods, are available, are "
        "unhealthy; running and pending pods. Rates and utilization are in percent, telemetry.coverage from "
        "0 to 1, ages in seconds. available_resources.max_contiguous_gpu is the most available GPUs on one "
        "node, products the same for each GPU product. Utilization is only known of the GPUs that "
        "telemetry.coverage counts.",
        ClusterArguments,
        _status,
    ),
    Tool(
        "list_running_tasks",
        "Who holds GPUs",
        "The pods that hold GPUs: workload, node, number of GPUs, running time in seconds, GPU utilization "
        "in percent, GPU memory in bytes. total_tasks counts all that match; continue gets the next ones.",
        TasksArguments,
        _running_tasks,
    ),
    Tool(
        "list_pending_tasks",
        "Who waits for GPUs",
        "The pods that ask for GPUs and are on no node yet: for how many, since how many seconds, and why. "
        "state: gated (held back by a queue, not for lack of room), unschedulable (the scheduler found no "
        "room; message is its reason), waiting (it hasn't said yet). fit: whether it would fit now, and what "
        "is short on how many nodes.",
        PendingTasksArguments,
        _pending_tasks,
    ),
    Tool(
        "why",
        "Why a pod is pending",
        "Why a pod that asks for GPUs is on no node yet. fit: whether a node could take it now (yes, no, or "
        "unknown where something that isn't checked decides), and what is short on how many nodes. message: "
        "what the scheduler said at its last attempt. gated: a queue holds it back.",
        WhyArguments,
        _why,
    ),
    Tool(
        "list_nodes",
        "Nodes with GPUs",
        "Nodes with their GPUs in numbers, those with the most available GPUs first. Utilization in percent. "
        "schedulable: whether pods with GPUs can go there. total_nodes counts all that match; continue gets "
        "the next ones.",
        NodesArguments,
        _nodes,
    ),
    Tool(
        "get_node",
        "One node, GPU by GPU",
        "Each GPU of a node: state, health, the containers that hold it, utilization in percent, memory in "
        "bytes, temperature in °C, power in watts. gpus is empty for a node without telemetry.",
        NodeArguments,
        _node,
    ),
    Tool(
        "fit",
        "Whether pods with GPUs would be scheduled now",
        "Whether so many pods, each with so many GPUs, would be scheduled now, as kube-scheduler decides it. "
        "fits: yes, no, or unknown where something that isn't checked decides (not_checked). reasons: why "
        "nodes can't take the pod. nearest: what would fit instead. evictable: what pods of a lower priority "
        "hold. It creates nothing.",
        FitArguments,
        _fit,
    ),
    Tool(
        "list_alerts",
        "What is wrong",
        "What is wrong with the GPUs, nodes and pods of a cluster, critical first: since when (timestamp), "
        "where (source) and what to do (action). total_alerts counts all that match.",
        AlertsArguments,
        _alerts,
    ),
)
