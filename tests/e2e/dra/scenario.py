"""What drivers, users and administrators do to devices, round after round, the same for the same seed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from random import Random

from tests.e2e.cluster.api import Api, ApiError, Manifest
from tests.e2e.cluster.waiting import wait_until
from tests.e2e.dra import shapes
from tests.e2e.dra.seen import DRA, RULES, SLICES
from tests.e2e.dra.shapes import ADMIN_NAMESPACE, NAMESPACE, NVIDIA, Pool

CLASSES = f"{DRA}/deviceclasses"
CLAIMS = f"{DRA}/namespaces/{NAMESPACE}/resourceclaims"
ADMIN_CLAIMS = f"{DRA}/namespaces/{ADMIN_NAMESPACE}/resourceclaims"
TEMPLATES = f"{DRA}/namespaces/{NAMESPACE}/resourceclaimtemplates"
NODES = "/api/v1/nodes"
NAMESPACES = "/api/v1/namespaces"

ORPHAN = "orphan"
STANDING = {"team-a": "one", "team-b": "three", "team-c": "halves"}
LIMITS = (
    {"nvidia.com/gpu": "1"},
    {"nvidia.com/gpu": "3"},
    {"deviceclass.resource.kubernetes.io/dra-partition": "1"},
    {"nvidia.com/gpu": "1", "deviceclass.resource.kubernetes.io/dra-amd": "1"},
)
HALF = (NVIDIA, "dra-half")
SPLIT = (NVIDIA, "dra-split-0")
DOUBLED = (NVIDIA, "dra-split-1")


class Scenario:
    """The objects of the scenario in one cluster, and what happens to them."""

    def __init__(self, api: Api, seed: int = 1) -> None:
        """Take the administrator's client; `seed` decides all that happens."""
        self.api = api
        self.random = Random(seed)
        self.nodes = shapes.nodes()
        every = [pool for node in self.nodes for pool in node.pools] + shapes.pools_of_no_node()
        self.pools = {(pool.driver, pool.name): pool for pool in every}
        self.pods: list[tuple[str, str]] = []
        self.made = 0
        self.rounds = 0

    async def set_up(self) -> None:
        """Create nodes, pools, classes, templates and claims."""
        labels = {ADMIN_NAMESPACE: {"resource.kubernetes.io/admin-access": "true"}, NAMESPACE: {}}
        for name, own in labels.items():
            namespace = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": own},
            }
            await self.api.ensure(NAMESPACES, namespace)
        await self._create(NODES, (node.manifest() for node in self.nodes))
        await self._create(CLASSES, shapes.classes())
        requests = shapes.requests()
        await self._create(
            TEMPLATES, (shapes.claim_template(name, request) for name, request in requests.items())
        )
        await self._create(CLAIMS, (shapes.claim(name, requests[kind]) for name, kind in STANDING.items()))
        for pool in self.pools.values():
            await self.publish(pool)
        await self._allocate_what_is_gone(requests["one"])
        await wait_until(self._ready, "readiness of the scenario's nodes and namespaces", 60)

    async def play(self) -> str:
        """Do one round's deeds, and return them in words."""
        self.rounds += 1
        deeds: list[Callable[[], Awaitable[str]]] = [
            self._delete_pods,
            self._republish,
            self._change_rules,
            self._cordon,
            self._finish_half_published_pools,
            self._share_claims,
            self._look_as_administrator,
            self._create_pods,
        ]
        done = [await deed() for deed in deeds]
        return ", ".join(each for each in done if each)

    async def tear_down(self) -> None:
        """Delete all that the scenario made; claims go when their pods have."""
        for namespace in (NAMESPACE, ADMIN_NAMESPACE):
            collection = f"{NAMESPACES}/{namespace}/pods"
            await self.api.request("DELETE", collection, params={"gracePeriodSeconds": "0"})
        await self.api.request("DELETE", RULES)
        # Nobody is left who would take the finalizer away once the allocation is by hand.
        await self._gone(self.api.patch(f"{CLAIMS}/{ORPHAN}", {"metadata": {"finalizers": None}}))
        for collection in (CLAIMS, ADMIN_CLAIMS, TEMPLATES):
            await self.api.request("DELETE", collection)
        for slice_ in await self.api.list_all(SLICES):
            if (slice_["spec"]["driver"], slice_["spec"]["pool"]["name"]) in self.pools:
                await self._gone(self.api.delete(f"{SLICES}/{slice_['metadata']['name']}"))
        for class_ in shapes.classes():
            await self._gone(self.api.delete(f"{CLASSES}/{class_['metadata']['name']}"))
        for node in self.nodes:
            await self._gone(self.api.delete_node(node.name))

        async def empty() -> bool:
            return not any(
                [await self.api.list_all(CLAIMS), await self.api.list_all(ADMIN_CLAIMS), await self._left()]
            )

        await wait_until(empty, "end of the scenario's pods and claims", 60)

    async def publish(self, pool: Pool, *, written: int | None = None) -> None:
        """Write a pool's slices one by one, as a driver does; only the first `written` of them, if given.

        A slice that exists is changed in place, and those that are too many are deleted last.
        """
        self.pools[pool.driver, pool.name] = pool
        there = {
            each["metadata"]["name"]
            for each in await self.api.list_all(SLICES)
            if (each["spec"]["driver"], each["spec"]["pool"]["name"]) == (pool.driver, pool.name)
        }
        wanted = pool.manifests()
        for slice_ in wanted[:written]:
            name = slice_["metadata"]["name"]
            if name in there:
                fields = {"devices": None, "sharedCounters": None} | slice_["spec"]
                await self.api.patch(f"{SLICES}/{name}", {"spec": fields})
            else:
                await self.api.create(SLICES, slice_)
        if written is None:
            for name in sorted(there - {each["metadata"]["name"] for each in wanted}):
                await self.api.delete(f"{SLICES}/{name}")

    async def _allocate_what_is_gone(self, request: Manifest) -> None:
        """Leave a claim allocated to a device that no slice names, reserved for nobody."""
        await self.api.ensure(CLAIMS, shapes.claim(ORPHAN, request))
        result = {"request": "main", "driver": NVIDIA, "pool": "dra-h100-9", "device": "gpu-0"}
        status = {"allocation": {"devices": {"results": [result]}}}
        await self.api.patch(f"{CLAIMS}/{ORPHAN}/status", {"status": status})

    async def _create_pods(self) -> str:
        templates = list(shapes.requests())
        pods = [
            shapes.pod(self._name(), template=self.random.choice(templates))
            if self.random.randrange(3)
            else shapes.pod(self._name(), limits=self.random.choice(LIMITS))
            for _ in range(14)
        ]
        await self._create_all_pods(pods)
        return f"{len(pods)} pods more"

    async def _share_claims(self) -> str:
        name = self.random.choice(list(STANDING))
        await self._create_all_pods([shapes.pod(self._name(), claims=[name]) for _ in range(3)])
        return f"3 pods more of claim {name}"

    async def _look_as_administrator(self) -> str:
        """Let an administrator's pod see two GPUs that others may hold."""
        if self.rounds % 3 != 1:
            return ""
        name = self._name()
        request = shapes.exactly("dra-gpu", count=2, adminAccess=True)
        await self.api.create(ADMIN_CLAIMS, shapes.claim(name, request, ADMIN_NAMESPACE))
        await self._create_all_pods([shapes.pod(name, namespace=ADMIN_NAMESPACE, claims=[name])])
        return "an administrator's pod"

    async def _create_all_pods(self, pods: list[Manifest]) -> None:
        await self._create_in_order(pods)
        self.pods += [(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods]

    async def _delete_pods(self) -> str:
        """Delete some pods, and let others end by themselves."""
        leaving = self.random.sample(self.pods, len(self.pods) * 2 // 5)
        for index, (namespace, name) in enumerate(leaving):
            self.pods.remove((namespace, name))
            # One that no node runs can't end, and a tainted device may have cost one its life already.
            finish = index % 3 == 0
            await self._gone(
                self._finish(namespace, name) if finish else self.api.delete_pod(namespace, name)
            )
        return f"{len(leaving)} pods less" if leaving else ""

    async def _finish(self, namespace: str, name: str) -> None:
        if (await self.api.pod(namespace, name))["spec"].get("nodeName"):
            await self.api.finish_pod(namespace, name)
        else:
            await self.api.delete_pod(namespace, name)

    async def _republish(self) -> str:
        """Let a driver publish its pool anew: as it was, in more slices, or without its first device."""
        pool = self.pools[
            self.random.choice([key for key in self.pools if key not in (HALF, SPLIT, DOUBLED)])
        ]
        kind = self.random.randrange(3)
        if kind == 1:
            pool = replace(pool, slices=pool.slices + 1)
        elif kind == 2 and len(pool.devices) > 2:
            pool = replace(pool, devices=pool.devices[1:])
        await self.publish(pool.next())
        return f"pool {pool.name} published anew"

    async def _finish_half_published_pools(self) -> str:
        """Leave pools between two generations, short of a slice, or with a device twice; and mend them."""
        half, split, doubled = (self.pools[key] for key in (HALF, SPLIT, DOUBLED))
        if self.rounds % 2:
            await self.publish(split.next(), written=1)
            await self.publish(half.next(missing=1))
            return "a pool between two generations, one short of a slice"
        await self.publish(split.next())
        await self.publish(half.next(missing=0))
        once = doubled.devices[:8]
        again = once + once[:1] if self.rounds % 4 == 2 else once
        await self.publish(doubled.next(devices=again))
        return "these pools whole again" + (", one with a device twice" if again != once else "")

    async def _change_rules(self) -> str:
        """Let administrators taint devices, a pool or a driver, and end it."""
        name = f"dra-rule-{self.rounds}"
        pool = self.random.choice(list(self.pools.values()))
        selectors = (
            {"driver": pool.driver, "pool": pool.name},
            {"pool": pool.name, "device": pool.devices[0]["name"]},
            {"driver": "gpu.amd.com"},
        )
        selector = self.random.choice(selectors)
        effect = self.random.choice(("NoSchedule", "NoSchedule", "NoExecute", "None"))
        await self.api.create(RULES, shapes.taint_rule(name, effect, **selector))
        if self.rounds > 2:
            await self._gone(self.api.delete(f"{RULES}/dra-rule-{self.rounds - 2}"))
        return f"a rule {effect} for {' '.join(selector.values())}"

    async def _cordon(self) -> str:
        node = self.nodes[self.rounds % len(self.nodes)].name
        before = self.nodes[(self.rounds - 1) % len(self.nodes)].name
        await self.api.cordon(node)
        await self.api.cordon(before, unschedulable=False)
        return f"node {node} cordoned"

    def _name(self) -> str:
        self.made += 1
        return f"dra-{self.made:04d}"

    async def _create(self, collection: str, manifests: Iterable[Manifest]) -> None:
        await asyncio.gather(*(self.api.ensure(collection, manifest) for manifest in manifests))

    async def _create_in_order(self, pods: list[Manifest]) -> None:
        """Create pods one after another: it is their order in which the scheduler takes them."""
        for pod in pods:
            await self.api.create_pod(pod)

    async def _gone(self, change: Awaitable[object]) -> None:
        """Make a change to what may be gone already."""
        try:
            await change
        except ApiError as error:
            if error.status != 404:
                raise

    async def _left(self) -> list[Manifest]:
        pods = [await self.api.list_all(f"{NAMESPACES}/{name}/pods") for name in (NAMESPACE, ADMIN_NAMESPACE)]
        return pods[0] + pods[1]

    async def _ready(self) -> bool:
        nodes = {node["metadata"]["name"]: node for node in await self.api.nodes()}
        accounts = await self.api.list_all("/api/v1/serviceaccounts", field_selector="metadata.name=default")
        have_accounts = {account["metadata"]["namespace"] for account in accounts}
        return have_accounts >= {NAMESPACE, ADMIN_NAMESPACE} and not any(
            taint["key"].startswith("node.kubernetes.io/")
            for node in self.nodes
            for taint in nodes[node.name]["spec"].get("taints", ())
        )
