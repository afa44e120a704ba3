"""The tools: what a model can ask, each with the question that it is for Lens' API."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from lens.mcp import answers
from lens.mcp.arguments import (
    Arguments,
    OfCluster,
    OfNode,
    Some,
    SomeAlerts,
    SomeNodes,
    SomePendingTasks,
    SomeTasks,
)
from lens.mcp.client import Question, RefusedError

A = TypeVar("A", bound=Arguments)

REALTIME = "/api/v1/realtime"

MOST_CHARACTERS = 40_000
"""Of an answer, some 12,000 tokens. Of what doesn't fit, fewer entries are told."""

_MOST_GPUS = 128


class Ask:
    """Asks Lens in the name of the caller whose question it is."""

    def __init__(self, get: Callable[[Question, type[Any]], Awaitable[Any]]) -> None:
        """Take what gets an answer's data as a type."""
        self._get = get

    async def __call__(self, question: Question, data: type[Any]) -> Any:
        """Return the answer. Raise RefusedError."""
        return await self._get(question, data)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """A tool. ``answer`` is given how many entries there is room for."""

    name: str
    title: str
    description: str
    arguments: type[A]
    answer: Callable[[Ask, A, int], Awaitable[object]]

    async def call(self, ask: Ask, arguments: A) -> str:
        """Return the answer as JSON of at most MOST_CHARACTERS. Raise RefusedError."""
        room = arguments.limit if isinstance(arguments, Some) else _MOST_GPUS
        while (
            len(text := msgspec.json.encode(await self.answer(ask, arguments, room)).decode())
            > MOST_CHARACTERS
        ):
            if room == 1:
                raise RefusedError(f"The answer has more than {MOST_CHARACTERS} characters")
            room //= 2
        return text


async def _clusters(ask: Ask, _asked: Arguments, room: int) -> object:
    told = await ask(Question("/api/v1/clusters"), answers.Clusters)
    told.clusters = told.clusters[:room]
    return told


async def _status(ask: Ask, asked: OfCluster, _room: int) -> object:
    return await ask(Question(f"{REALTIME}/status", {"cluster": asked.cluster}), answers.Status)


async def _running_tasks(ask: Ask, asked: SomeTasks, room: int) -> object:
    query = asked.model_dump(by_alias=True) | {"limit": room}
    return await ask(Question(f"{REALTIME}/running-tasks", query), answers.Tasks)


async def _pending_tasks(ask: Ask, asked: SomePendingTasks, room: int) -> object:
    query = asked.model_dump(by_alias=True) | {"limit": room}
    return await ask(Question(f"{REALTIME}/pending-tasks", query), answers.PendingTasks)


async def _nodes(ask: Ask, asked: SomeNodes, room: int) -> object:
    query = {"cluster": asked.cluster, "include": "nodes"}
    told = await ask(Question(f"{REALTIME}/status", query), answers.Nodes)
    nodes = [
        node
        for node in told.nodes
        if asked.status in (None, node.status) and (node.available_gpus or not asked.available_only)
    ]
    nodes.sort(key=lambda node: (-node.available_gpus, node.node_name))
    told.total_nodes, told.nodes = len(nodes), nodes[:room]
    return told


async def _node(ask: Ask, asked: OfNode, room: int) -> object:
    question = Question(f"{REALTIME}/nodes/{asked.node}", {"cluster": asked.cluster})
    told = await ask(question, answers.NodeDetail)
    told.gpus = told.gpus[:room]
    return told


async def _alerts(ask: Ask, asked: SomeAlerts, room: int) -> object:
    query = {"cluster": asked.cluster, "include": "alerts"}
    told = await ask(Question(f"{REALTIME}/status", query), answers.Alerts)
    alerts = [
        alert
        for alert in told.alerts
        if asked.severity in (None, alert.severity) and asked.namespace in (None, alert.namespace)
    ]
    told.total_alerts, told.alerts = len(alerts), alerts[:room]
    return told


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
        "node. Utilization is only known of the GPUs that telemetry.coverage counts.",
        OfCluster,
        _status,
    ),
    Tool(
        "list_running_tasks",
        "Who holds GPUs",
        "The pods that hold GPUs: workload, node, number of GPUs, running time in seconds, GPU utilization "
        "in percent, GPU memory in bytes. total_tasks counts all that match; continue gets the next ones.",
        SomeTasks,
        _running_tasks,
    ),
    Tool(
        "list_pending_tasks",
        "Who waits for GPUs",
        "The pods that ask for GPUs and are on no node yet: for how many, since how many seconds, and why. "
        "state: gated (held back by a queue, not for lack of room), unschedulable (the scheduler found no "
        "room; message is its reason), waiting (it hasn't said yet).",
        SomePendingTasks,
        _pending_tasks,
    ),
    Tool(
        "list_nodes",
        "Nodes with GPUs",
        "Nodes with their GPUs in numbers, those with the most available GPUs first. Utilization in percent. "
        "schedulable: whether pods with GPUs can go there. total_nodes counts all that match.",
        SomeNodes,
        _nodes,
    ),
    Tool(
        "get_node",
        "One node, GPU by GPU",
        "Each GPU of a node: state, health, the containers that hold it, utilization in percent, memory in "
        "bytes, temperature in °C, power in watts. gpus is empty where nothing tells of them.",
        OfNode,
        _node,
    ),
    Tool(
        "list_alerts",
        "What is wrong",
        "What is wrong with the GPUs, nodes and pods of a cluster, critical first: since when (timestamp), "
        "where (source) and what to do (action). total_alerts counts all that match.",
        SomeAlerts,
        _alerts,
    ),
)
