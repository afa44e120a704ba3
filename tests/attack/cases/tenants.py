"""Tenants: who may create pods in a namespace of their own, and write into them what they like."""

import asyncio
import json
from typing import Any

from lens_sim.objects.resources import PODS
from tests.attack import cluster
from tests.attack.case import Case
from tests.attack.cluster import GPU, TENANT_NAMESPACE, Object
from tests.attack.scene import PENDING, STATUS, Scene
from tests.attack.surroundings import Surroundings
from tests.integration.watch import faults

LARGE_PODS = 200
LARGE_BYTES = 1_300_000
DESCRIBED_PODS = 150
TOLERATIONS = 2_500
LONG_NAME = 100_000
MANY_GPUS = 10_000_001
LONGEST_ANSWER = 4 * 2**20
"""Bytes that an answer may have of what a tenant has written into some pods."""


def put_large_pods(surroundings: Surroundings) -> None:
    """Create pods as large as etcd takes them, without a GPU; a scheduling gate keeps them pending."""
    for number in range(LARGE_PODS):
        made = cluster.pod(f"large-{number}", None, False, TENANT_NAMESPACE)
        made["metadata"]["annotations"] = {"filler": "x" * LARGE_BYTES}
        made["spec"]["schedulingGates"] = [{"name": "example.com/never"}]
        surroundings.store.put(PODS, made, cluster.now())


def relist_pods(surroundings: Surroundings) -> None:
    """Have the watch of pods end with 410, so that Lens lists them anew."""
    surroundings.front.script("watch pods", faults.stream(faults.error(410)))
    surroundings.front.cut("watch pods")


def put_described_pods(surroundings: Surroundings) -> None:
    """Create pending pods of which everything that only describes is long."""
    for number in range(DESCRIBED_PODS):
        made = cluster.pod(
            f"described-{number}",
            None,
            True,
            TENANT_NAMESPACE,
            labels={f"label-{index}-of-{number}": "x" * 63 for index in range(TOLERATIONS)},
            ownerReferences=[
                {
                    "apiVersion": "example.com/v1",
                    "kind": f"{number}K" * (LONG_NAME // 4),
                    "name": f"{number}n" * (LONG_NAME // 4),
                    "uid": f"owner-{number}",
                    "controller": True,
                }
            ],
        )
        made["spec"]["tolerations"] = [
            {"key": f"key-{index}-of-{number}", "operator": "Equal", "value": "x" * 63}
            for index in range(TOLERATIONS)
        ]
        made["spec"]["nodeSelector"] = {
            f"selector-{index}-of-{number}": "x" * 63 for index in range(TOLERATIONS)
        }
        surroundings.store.put(PODS, made, cluster.now())


def put_greedy_pods(surroundings: Surroundings) -> None:
    """Create a pod on a node that doesn't exist, and one on a node, with more GPUs than there are."""
    for name, node in (("nowhere", "no-such-node"), ("greedy", cluster.node_name(1))):
        made = cluster.pod(name, node, True, TENANT_NAMESPACE)
        made["spec"]["containers"][0]["resources"] = {"limits": {GPU: str(MANY_GPUS)}}
        surroundings.store.put(PODS, made, cluster.now())


class LargePods(Case):
    """The list of pods is hundreds of megabytes long when Lens starts, and when it lists anew."""

    name = "large-pods"
    row = 2
    who = "a tenant who may create pods"
    what = "200 pods of 1.3 MB, without a GPU"

    def prepare(self, scene: Scene) -> None:
        """Create them before Lens starts: it must come to be ready."""
        scene.surroundings.do(put_large_pods)

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Have Lens list them anew."""
        await asyncio.to_thread(scene.surroundings.do, put_large_pods)
        for _ in range(2):
            await asyncio.to_thread(scene.surroundings.do, relist_pods)
            await asyncio.sleep(seconds / 2)
        ready = await scene.get("/readyz")
        return [] if ready.status == 200 else [f"/readyz answers {ready.status}"]


class DescribedPods(Case):
    """What describes a pod and is kept for a list."""

    name = "described-pods"
    row = 3
    who = "a tenant"
    what = "150 pending pods of 2,500 tolerations and labels each, owners' names of any length"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Create them, and ask for what waits."""
        await asyncio.to_thread(scene.surroundings.do, put_described_pods)
        end = asyncio.get_running_loop().time() + seconds
        longest = waiting = 0
        while asyncio.get_running_loop().time() < end or waiting < DESCRIBED_PODS:
            answer = await scene.get_anew(PENDING)
            longest = max(longest, len(answer.body))
            waiting = len(json.loads(answer.body)["data"]["tasks"]) if answer.status == 200 else 0
            if asyncio.get_running_loop().time() > end + 20:
                return [f"only {waiting} pods wait"]
            await asyncio.sleep(0.2)
        return [f"an answer of {longest} bytes"] if longest > LONGEST_ANSWER else []


class GreedyPods(Case):
    """One pod that asks for more GPUs than any node has."""

    name = "greedy-pod"
    row = 5
    who = "a tenant"
    what = "a pod on no-such-node with 10,000,001 GPUs, and one on a node"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Create them, and look at all that adds up."""
        before = await _usage(scene)
        await asyncio.to_thread(scene.surroundings.do, put_greedy_pods)
        problems: set[str] = set()
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            for path in ("/api/v1/clusters", "/api/v1/realtime/summary", STATUS, f"{STATUS}&include=nodes"):
                answer = await scene.get_anew(path)
                if answer.status != 200:
                    problems.add(f"{path.partition('?')[0]} answers {answer.status}")
            usage = await _usage(scene)
            if usage and before and usage["total_gpus"] != before["total_gpus"]:
                problems.add(f"total_gpus is {usage['total_gpus']}, and was {before['total_gpus']}")
            if usage and usage["allocated_gpus"] > usage["total_gpus"]:
                problems.add(f"allocated_gpus is {usage['allocated_gpus']} of {usage['total_gpus']}")
            await asyncio.sleep(0.5)
        return sorted(problems)


async def _usage(scene: Scene) -> dict[str, Any]:
    answer = await scene.get_anew(STATUS)
    usage: Object = json.loads(answer.body)["data"]["current_gpu_usage"] if answer.status == 200 else {}
    return usage


class Spreadsheets(Case):
    """Names that a spreadsheet takes for formulas."""

    name = "formulas"
    row = 24
    who = "a tenant"
    what = "names that begin a cell with full-width = + - @ or NUL"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Create pods with such names of owners, and read the table."""
        await asyncio.to_thread(scene.surroundings.do, put_formulas)
        await asyncio.sleep(min(seconds, 3.0))
        answer = await scene.get_anew(PENDING, "text/csv")
        cells = answer.body.decode().replace("\r\n", ",").split(",")
        bare = {cell[:8] for cell in cells if cell.strip('"').startswith(FORMULA_STARTS)}
        return [f"cells begin with {sorted(bare)!a}"] if bare else []


FORMULA_STARTS = ("\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH COMMERCIAL AT}", "\0")


def put_formulas(surroundings: Surroundings) -> None:
    """Create pending pods whose owners are called so."""
    for number, start in enumerate(FORMULA_STARTS):
        owner = {"apiVersion": "v1", "kind": "Odd", "name": f"{start}1+1", "uid": f"odd-{number}"}
        made = cluster.pod(
            f"odd-{number}", None, True, TENANT_NAMESPACE, ownerReferences=[{**owner, "controller": True}]
        )
        surroundings.store.put(PODS, made, cluster.now())
