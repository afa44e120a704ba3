"""Asks Lens round by round, creates the pods, and compares with what kube-scheduler makes of them."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from tests.e2e.cluster.api import Api, Manifest
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.fit.cases import GPU, GROUP, ROUND, Maker, Question
from tests.e2e.lens import CLUSTER, Lens

GROUPS = 30
MAX_ROUNDS = 40
CONCURRENCY = 16
DEADLINE_S = 60
FIT = "/api/v1/realtime/fit"
MARKERS = "fit-markers"
"""The namespace of the pods that show how far the scheduler and Lens are."""


@dataclass
class Report:
    """How often Lens and kube-scheduler agreed."""

    seed: int
    complete: int = 0
    agreed: int = 0
    asked: int = 0
    yes: int = 0
    histograms: int = 0
    equal_histograms: int = 0
    readings: int = 0
    equal_readings: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return the line that says how often they agreed."""
        return f"agreement {self.agreed}/{self.complete} (seed {self.seed})"

    def figures(self) -> dict[str, Any]:
        """Return the figures, by the names that they have in ``build/e2e.json``."""
        return {
            "fit_seed": self.seed,
            "fit_cases": self.complete,
            "fit_agreement": self.agreed / max(1, self.complete),
            "fit_complete_share": self.complete / max(1, self.asked),
            "fit_histogram_share": self.equal_histograms / max(1, self.histograms),
            "fit_reading_share": self.equal_readings / max(1, self.readings),
            "fit_yes_share": self.yes / max(1, self.complete),
            "fit_kinds": dict(self.kinds.most_common()),
            "fit_seconds": round(self.seconds, 1),
        }


class Scenario:
    """One run with its own nodes and namespaces, which share the cluster with whatever else is there."""

    def __init__(self, api: Api, lens: Lens, session: aiohttp.ClientSession, seed: int) -> None:
        """Take the administrator's client, and a Lens that is ready."""
        self._api = api
        self._lens = lens
        self._session = session
        self._maker = Maker(seed)
        self._random = Random(seed)
        self._groups = [f"fit-{index:02d}" for index in range(GROUPS)]
        self._markers = 0
        self._bound: dict[str, list[str]] = {group: [] for group in self._groups}
        self._cordoned: set[str] = set()
        self.report = Report(seed)

    async def run(self, count: int) -> Report:
        """Ask until that many answers were complete; remove everything at the end."""
        started = time.monotonic()
        try:
            await self._prepare()
            for number in range(MAX_ROUNDS):
                if self.report.complete >= count:
                    break
                await self._round(number, count - self.report.complete)
        finally:
            await self._remove()
        self.report.seconds = time.monotonic() - started
        return self.report

    # -- the surroundings

    async def _prepare(self) -> None:
        for namespace in (*self._groups, MARKERS):
            manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            await self._api.ensure("/api/v1/namespaces", manifest)
        nodes = [node for group in self._groups for node in self._maker.nodes(group)]
        await _together(self._api.create("/api/v1/nodes", node) for node in nodes)
        self._cordoned = {node["metadata"]["name"] for node in nodes if "unschedulable" in node["spec"]}
        names = {node["metadata"]["name"] for node in nodes}

        async def is_ready() -> bool:
            accounts = await self._api.list_all(
                "/api/v1/serviceaccounts", field_selector="metadata.name=default"
            )
            if not {each["metadata"]["namespace"] for each in accounts}.issuperset({*self._groups, MARKERS}):
                return False
            found = {node["metadata"]["name"]: node for node in await self._api.nodes()}
            return all(name in found and _is_ready(found[name]) for name in names)

        await wait_until(is_ready, "ready nodes and service accounts", DEADLINE_S)
        await self._settled(names)

    async def _settled(self, nodes: Iterable[str] = ()) -> None:
        """Wait until Lens and the scheduler know of all pods what has happened to them, and of these nodes.

        A pod that no node takes is refused once the scheduler has seen all pods before it, and Lens shows
        that once it has seen all that was written before the refusal.
        """
        self._markers += 1
        name = f"marker-{self._markers}"
        spec = {
            "containers": [{"name": "main", "image": "none", "resources": {"limits": {GPU: "1"}}}],
            "nodeSelector": {GROUP: "none"},
        }
        metadata = {"name": name, "namespace": MARKERS}
        await self._api.create_pod({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        wanted = set(nodes)
        total = len(await self._api.nodes()) if wanted else 0

        async def is_shown() -> bool:
            rows = (await self._get("pending-tasks", namespace=MARKERS))["tasks"]
            row = next((each for each in rows if each["pod_name"] == name), None)
            if row is None or row["state"] != "unschedulable":
                return False
            if not wanted:
                return True
            if not row["message"].startswith(f"0/{total} nodes"):
                return False
            shown = {each["node_name"]: each for each in (await self._lens.status())["nodes"]}
            gpu_nodes = {each for each in wanted if each in shown}
            return all(
                "node.kubernetes.io/not-ready" not in " ".join(shown[each]["taints"]) for each in gpu_nodes
            )

        await wait_until(is_shown, f"{name} in Lens", DEADLINE_S, every_s=0.1)
        await self._api.delete_pod(MARKERS, name, grace_seconds=0)

    async def _change(self) -> None:
        """Free some room and close or open some nodes."""
        gone = []
        for group, pods in self._bound.items():
            for name in list(pods):
                if self._random.random() < 0.3:
                    pods.remove(name)
                    gone.append(self._api.delete_pod(group, name, grace_seconds=0))
        await _together(gone)
        group = self._random.choice(self._groups)
        node = f"{group}-{self._random.randrange(4)}"
        closed = node not in self._cordoned
        (self._cordoned.add if closed else self._cordoned.discard)(node)
        await self._api.cordon(node, unschedulable=closed)

        async def is_shown() -> bool:
            row = next(
                (each for each in (await self._lens.status())["nodes"] if each["node_name"] == node), None
            )
            return row is None or row["unschedulable"] is closed

        await wait_until(is_shown, f"{node} in Lens", DEADLINE_S, every_s=0.1)

    async def _remove(self) -> None:
        pods = [
            (pod["metadata"]["namespace"], pod["metadata"]["name"])
            for group in (*self._groups, MARKERS)
            for pod in await self._api.list_all(f"/api/v1/namespaces/{group}/pods")
        ]
        await _together(self._api.delete_pod(*pod, grace_seconds=0) for pod in pods)
        nodes = [
            node["metadata"]["name"]
            for node in await self._api.nodes()
            if node["metadata"].get("labels", {}).get(GROUP) in self._groups
        ]
        await _together(self._api.delete_node(name) for name in nodes)

    # -- a round

    async def _round(self, number: int, most: int) -> None:
        if number:
            await self._change()
        await self._settled()
        questions = [self._maker.question(group, number) for group in self._groups[:most]]
        answers = [await self._ask(question) for question in questions]
        for question, answer in zip(questions, answers, strict=True):
            if question.kind == "query" and answer["resource"] is not None:
                [container] = question.pods[0]["spec"]["containers"]
                container["resources"]["limits"] = {answer["resource"]: question.query["gpus"]}
        await _together(self._api.create_pod(pod) for question in questions for pod in question.pods)
        wanted = {
            (pod["metadata"]["namespace"], pod["metadata"]["name"])
            for question in questions
            for pod in question.pods
        }
        pods = await self._decided(number, wanted)
        for question, answer in zip(questions, answers, strict=True):
            self._compare(number, question, answer, pods)
        await self._compare_readings(pods)
        refused = []
        for (namespace, name), pod in pods.items():
            if pod["spec"].get("nodeName"):
                self._bound[namespace].append(name)
            else:
                refused.append(self._api.delete_pod(namespace, name, grace_seconds=0))
        await _together(refused)

    async def _ask(self, question: Question) -> Mapping[str, Any]:
        if question.manifest is None:
            return await self._get("fit", **question.query)
        async with self._session.post(
            self._lens.url + FIT, params={"cluster": CLUSTER}, data=json.dumps(question.manifest)
        ) as response:
            body = await response.json()
            assert response.status == 200, (body, question.manifest)
            data: Mapping[str, Any] = body["data"]
            return data

    async def _get(self, endpoint: str, **params: str) -> Mapping[str, Any]:
        async with self._session.get(
            f"{self._lens.url}/api/v1/realtime/{endpoint}",
            params={"cluster": CLUSTER, **params},
            headers={"Cache-Control": "no-cache"},
        ) as response:
            body = await response.json()
            assert response.status == 200, body
            data: Mapping[str, Any] = body["data"]
            return data

    async def _decided(self, number: int, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Manifest]:
        """Return the round's pods once the scheduler has bound or refused each."""
        found: dict[tuple[str, str], Manifest] = {}

        async def are_decided() -> bool:
            page = await self._api.request(
                "GET", "/api/v1/pods", params={"labelSelector": f"{ROUND}={number}"}
            )
            found.update(
                ((pod["metadata"]["namespace"], pod["metadata"]["name"]), pod) for pod in page["items"]
            )
            return all(
                key in found and (found[key]["spec"].get("nodeName") or _refusal(found[key]) is not None)
                for key in wanted
            )

        await wait_until(are_decided, f"decisions of round {number}", DEADLINE_S)
        return {key: found[key] for key in wanted}

    def _compare(
        self,
        number: int,
        question: Question,
        answer: Mapping[str, Any],
        pods: Mapping[tuple[str, str], Manifest],
    ) -> None:
        report = self.report
        report.asked += 1
        if not answer["complete"]:
            return
        report.complete += 1
        report.kinds[question.kind] += 1
        asked = [pods[question.namespace, pod["metadata"]["name"]] for pod in question.pods]
        bound = sum(bool(pod["spec"].get("nodeName")) for pod in asked)
        fits = bound == len(asked)
        report.yes += fits
        if answer["fits"] == ("yes" if fits else "no") and answer["placed"] == bound:
            report.agreed += 1
        else:
            report.disagreements.append(
                f"round {number}: Lens {answer['fits']}, {answer['placed']} of {answer['replicas']} placed; "
                f"kube-scheduler {bound} of {len(asked)}, {[_refusal(pod) for pod in asked]}; "
                f"{answer['pods'][0]['message']}; {json.dumps(question.manifest or question.query)}"
            )
        if question.kind != "replicas" and not fits:
            report.histograms += 1
            ours, theirs = answer["pods"][0]["message"] or "", _refusal(asked[0]) or ""
            if theirs.startswith(ours) and ours:
                report.equal_histograms += 1
            else:
                report.disagreements.append(f"round {number}: Lens {ours!r}, kube-scheduler {theirs!r}")

    async def _compare_readings(self, pods: Mapping[tuple[str, str], Manifest]) -> None:
        """Compare the scheduler's message about each pod that it has refused with the reasons that Lens
        reads."""
        refused = {key: pod for key, pod in pods.items() if not pod["spec"].get("nodeName")}
        holding = {key for key, pod in refused.items() if _asks_for_gpus(pod)}
        if not holding:
            return
        rows: dict[tuple[str, str], Mapping[str, Any]] = {}
        total = len(await self._api.nodes())

        async def are_read() -> bool:
            tasks = (await self._get("pending-tasks"))["tasks"]
            rows.update(((row["namespace"], row["pod_name"]), row) for row in tasks)
            return all(
                key in rows and rows[key]["state"] == "unschedulable" and rows[key]["fit"] is not None
                for key in holding
            )

        await wait_until(are_read, "readings of the pods that were refused", DEADLINE_S)
        for key in holding:
            read = rows[key]["fit"]
            if not read["complete"]:
                continue
            self.report.readings += 1
            histogram = sorted(f"{each['nodes']} {each['message']}" for each in read["reasons"])
            ours = f"0/{total} nodes are available: {', '.join(histogram)}."
            theirs = _refusal(refused[key]) or ""
            if read["fits"] == "no" and theirs.startswith(ours):
                self.report.equal_readings += 1
            else:
                self.report.disagreements.append(f"{key}: read {read['fits']} {ours!r}, message {theirs!r}")


async def _together(calls: Iterable[Awaitable[Any]]) -> None:
    """Make calls, a bounded number at a time."""
    queue = iter(list(calls))

    async def work() -> None:
        for call in queue:
            await call

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(work())


def _refusal(pod: Manifest) -> str | None:
    """Return the scheduler's message if it has refused the pod: no node takes it."""
    for condition in pod["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            message: str = condition["message"]
            return message
    return None


def _asks_for_gpus(pod: Manifest) -> bool:
    containers = (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
    return any("gpu" in name for each in containers for name in each["resources"].get("limits", {}))


def _is_ready(node: Manifest) -> bool:
    conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", ())}
    taints = {taint["key"] for taint in node["spec"].get("taints", ())}
    return conditions.get("Ready") == "True" and "node.kubernetes.io/not-ready" not in taints


async def decisions(lens: Lens) -> int:
    """Return how many decisions of the scheduler Lens itself has looked at."""
    return _sum((await lens.status())["fit_record"])


async def fit_record(lens: Lens, least: int, deadline_s: float = 60) -> Mapping[str, Any]:
    """Return how often Lens itself says that it was right, once it has looked at so many decisions."""
    record: dict[str, Any] = {}

    async def is_judged() -> bool:
        record.update((await lens.status())["fit_record"] or {})
        return _sum(record) >= least

    await wait_until(is_judged, f"judgement of {least} decisions", deadline_s)
    return record


def _sum(record: Mapping[str, Any] | None) -> int:
    return sum((record or {}).get(name, 0) for name in ("right", "wrong", "abstained"))


async def run(api: Api, lens: Lens, seed: int, count: int) -> Report:
    """Run the scenario and return how often they agreed."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        return await Scenario(api, lens, session, seed).run(count)
