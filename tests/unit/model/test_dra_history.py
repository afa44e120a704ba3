"""Whatever happens to the watches of DRA, the figures are those of a recount of what they have told.

Pods, nodes, claims, slices, classes and taint rules are written in any version of the API, and reach the
ledger late, in lists, and not at all while their API is gone.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder, slice_decoder
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.snapshot import Snapshot
from lens.model.inventory.store import Store
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from tests.profiles import full_or
from tests.recount_claims import Cluster
from tests.recount_dra import Objects, recount_both, recount_dra
from tests.unit.model import dra_manifests as dra
from tests.unit.model import manifests
from tests.unit.model.agreement import products
from tests.unit.model.history import History, Object
from tests.unit.model.informer import Informer

NODES = ("n0", "n1")
# What shares a pool is where things happen, so most of it does.
POOLS = ("n0", "n0", "n0", "n1", "rack")
POD_NAMES = ("p0", "p1", "p2")
CLAIM_NAMES = ("c0", "c1", "c2")
DEVICES = ("g0", "g1", "m0", "m1", "v0")
CLASSES = ("gpu.nvidia.com", "fast", "nic")
SLICES = ("a", "b", "c", "d")
DRIVERS = st.sampled_from(("gpu.nvidia.com",) * 8 + ("gpu.amd.com", "compute-domain.nvidia.com"))
KINDS = ("pods", "nodes", "claims", "slices", "classes", "rules")
GPU = "nvidia.com/gpu"

_kinds = st.sampled_from(KINDS)
_versions = st.sampled_from(dra.VERSIONS)
_few = st.integers(0, 3)


@st.composite
def devices(draw: st.DrawFn) -> Object:
    """Generate a device. Its number is its GPU's: what tells that GPU is the same in all of them."""
    name = draw(st.sampled_from(DEVICES))
    number = name[-1]
    attributes: dict[str, str | int] = {}
    if name.startswith("m"):
        attributes |= {"type": "mig", "uuid": f"MIG-{name}"}
        if draw(st.booleans()):
            attributes["parentUUID"] = f"GPU-{number}abc"
    elif draw(st.booleans()):
        attributes["uuid"] = f"GPU-{number}abc"
    if draw(st.booleans()):
        attributes["resource.kubernetes.io/pciBusID"] = f"0000:0{number}:00.0"
    consumes = None
    if draw(st.booleans()):
        size = draw(st.sampled_from((1, 2, 4, 7, 8)))
        counter = draw(st.sampled_from(("slices",) * 5 + ("other",)))
        consumes = {f"s{number}": {counter: size}}
        if draw(st.integers(0, 5)) == 0:
            consumes[draw(st.sampled_from(("s0", "s1", "s9")))] = {"slices": 1}
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        fields["capacity"] = {"memory": {"value": f"{draw(_few)}Gi"}}
    if draw(st.booleans()):
        fields["nodeName"] = draw(st.sampled_from(NODES))
    taints = draw(st.sampled_from(((),) * 4 + (("hot:NoSchedule",), ("hot:NoExecute",), ("hot:None",))))
    return dra.device(name, attributes, consumes=consumes, taints=taints, **fields)


@st.composite
def slices(draw: st.DrawFn) -> Object:
    """Generate a slice."""
    pool = draw(st.sampled_from(POOLS))
    node = None if pool == "rack" else draw(st.sampled_from((pool,) * 5 + ("gone",)))
    listed = draw(st.lists(devices(), max_size=4))
    count = draw(st.sampled_from((1, 1, 1, 2, 2, 3)))
    if node == "gone":
        # No two nodes have a pool of their own by one name, or devices of one name: test_claims has those.
        listed, count = [{**each, "name": f"z{each['name']}"} for each in listed], 2
    counters = {
        each: {"slices": draw(st.sampled_from((8, "7", "1k")))}
        for each in draw(st.sets(st.sampled_from(("s0", "s1")), max_size=2))
    }
    return dra.resource_slice(
        *listed,
        name="d" if node == "gone" else draw(st.sampled_from(SLICES)),
        driver=draw(DRIVERS),
        pool=pool,
        generation=draw(st.integers(1, 3)),
        count=count,
        node=node,
        counters=counters or None,
        version=draw(_versions),
        **({draw(st.sampled_from(("allNodes", "perDeviceNodeSelection"))): True} if node is None else {}),
    )


@st.composite
def claims(draw: st.DrawFn, pods: list[Object]) -> Object:
    """Generate a claim that is reserved for some of these pods, or others."""
    results = draw(
        st.lists(
            st.builds(
                lambda driver, pool, name, fields: dra.result(name, driver=driver, pool=pool, **fields),
                DRIVERS,
                st.sampled_from(POOLS),
                st.sampled_from((*DEVICES, "zg0", "zm1")),
                st.sampled_from(({},) * 5 + ({"adminAccess": True}, {"adminAccess": False})),
            ),
            max_size=2,
        )
    )
    raw = dra.claim(
        *results,
        name=draw(st.sampled_from(CLAIM_NAMES)),
        device_class=draw(st.sampled_from(CLASSES)),
        count=draw(_few),
        node=draw(st.sampled_from((None, *NODES))),
        version=draw(_versions),
        **draw(
            st.sampled_from(
                ({},) * 4 + ({"allocationMode": "All"}, {"adminAccess": True}, {"adminAccess": False})
            )
        ),
    )
    reserved = [
        {"resource": "pods", "name": each["metadata"]["name"], "uid": each["metadata"]["uid"]}
        for each in draw(st.lists(st.sampled_from(pods), max_size=2) if pods else st.just([]))
    ]
    if draw(st.integers(0, 5)) == 0:
        reserved.append({"resource": "pods", "name": "p0", "uid": "uid-of-one-that-is-gone"})
    if reserved:
        raw["status"]["reservedFor"] = reserved
    return raw


@st.composite
def pods(draw: st.DrawFn) -> Object:
    """Generate a pod with claims, GPUs of a device plugin, or both."""
    named: list[Object] = []
    status: Object = {}
    for index, claim in enumerate(draw(st.lists(st.sampled_from(CLAIM_NAMES), max_size=2, unique=True))):
        match draw(st.integers(0, 5)):
            case 0:
                named.append({"name": f"r{index}", "resourceClaimTemplateName": "t"})
            case 1:
                named.append({"name": f"r{index}", "resourceClaimTemplateName": "t"})
                made = {"name": f"r{index}", "resourceClaimName": claim}
                status.setdefault("resourceClaimStatuses", []).append(made)
            case _:
                named.append({"name": f"r{index}", "resourceClaimName": claim})
    gpus = draw(st.sampled_from((None, None, "0", "1", "2")))
    if draw(st.integers(0, 4)) == 0:
        served = draw(st.sampled_from(([], [{"containerName": "main", "resourceName": GPU}])))
        claim = draw(st.sampled_from(CLAIM_NAMES))
        status["extendedResourceClaimStatus"] = {"resourceClaimName": claim, "requestMappings": served}
    return manifests.pod(
        manifests.container(gpus=gpus),
        name=draw(st.sampled_from(POD_NAMES)),
        node=draw(st.sampled_from((None, *NODES, *NODES, "gone"))),
        phase=draw(st.sampled_from(("Pending", "Running", "Running", "Succeeded"))),
        status=status,
        resourceClaims=named,
    )


@st.composite
def nodes(draw: st.DrawFn) -> Object:
    """Generate a node with GPUs of a device plugin, or without."""
    gpus = draw(st.sampled_from((None, None, "0", "2", "4")))
    return manifests.node(
        draw(st.sampled_from(NODES)), gpus, unschedulable=draw(st.booleans()) and draw(st.booleans())
    )


@st.composite
def classes(draw: st.DrawFn) -> Object:
    """Generate a class."""
    driver = draw(st.sampled_from(("gpu.nvidia.com", "gpu.amd.com", "net.example.com")))
    extended = draw(st.sampled_from((None, None, GPU, "example.com/nic")))
    fields = {} if extended is None else {"extendedResourceName": extended}
    return dra.device_class(draw(st.sampled_from(CLASSES)), f'device.driver == "{driver}"', **fields)


@st.composite
def rules(draw: st.DrawFn) -> Object:
    """Generate a taint rule."""
    version = draw(_versions)
    selector: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "driver": st.just("gpu.nvidia.com"),
                "pool": st.sampled_from(POOLS),
                "device": st.sampled_from(DEVICES),
            },
        )
    )
    if version == "v1alpha3" and draw(st.booleans()):
        selector["deviceClassName"] = "gpu.nvidia.com"
    effect = draw(st.sampled_from(("NoSchedule", "NoExecute", "None")))
    return dra.taint_rule(draw(st.sampled_from(("r0", "r1"))), effect=effect, version=version, **selector)


class Resource:
    """What the apiserver has of one resource, and how far the watch of it has come."""

    def __init__(self, decoder: Decoder[Any, Any], store: Store[Any, Any]) -> None:
        self.history = History()
        self.informer = Informer(decoder, store)
        self.position = 0
        self.gap = self.gone = False

    @property
    def told(self) -> list[Object]:
        return [] if self.gone else list(self.history.at(self.position).values())


class Claiming(RuleBasedStateMachine):
    """Writes on one side, deliveries on the other, in any order."""

    def __init__(self) -> None:
        super().__init__()
        gpus = GpuResources()
        self.ledger = ledger = Ledger(TaintPolicy())
        self.resources = {
            "pods": Resource(pod_decoder(gpus), Store(ledger.pods, ledger.put_pod)),
            "nodes": Resource(node_decoder(gpus), Store(ledger.nodes, ledger.put_node)),
            "claims": Resource(dra.claims, Store(ledger.claims, ledger.put_claim)),
            "slices": Resource(
                slice_decoder(GpuDrivers(), ledger.slices), Store(ledger.slices, ledger.put_slice)
            ),
            "classes": Resource(dra.classes, Store(ledger.device_classes, ledger.put_device_class)),
            "rules": Resource(dra.rules, Store(ledger.taint_rules, ledger.put_taint_rule)),
        }
        self.version = 1
        self.snapshot = ledger.snapshot()

    def _write(self, kind: str, raw: Object) -> None:
        self.version += 1
        self.resources[kind].history.put(raw, self.version)

    # What happens in the cluster

    @initialize(made=st.tuples(nodes(), nodes(), slices(), slices()))
    def begin(self, made: tuple[Object, ...]) -> None:
        for raw in made:
            self._write("nodes" if raw["kind"] == "Node" else "slices", raw)
        self.settle()

    @rule(raw=st.lists(slices(), min_size=1, max_size=3))
    def publish(self, raw: list[Object]) -> None:
        for each in raw:
            self._write("slices", each)

    @rule(data=st.data(), which=st.integers(0, 10), in_place=st.booleans())
    def republish(self, data: st.DataObject, which: int, *, in_place: bool) -> None:
        """Write one slice anew under the next generation of its pool, with some of its devices."""
        there = self.resources["slices"].history.at(self.version)
        if not there:
            return
        raw = there[sorted(there)[which % len(there)]]
        spec = raw["spec"]
        listed = spec.get("devices", [])
        keep = data.draw(
            st.lists(st.sampled_from(range(len(listed))), unique=True) if listed else st.just([])
        )
        pool = spec["pool"] | {"generation": spec["pool"]["generation"] + 1}
        in_place |= spec.get("nodeName") == "gone"
        name = raw["metadata"]["name"] if in_place else data.draw(st.sampled_from(SLICES))
        self._write(
            "slices",
            raw
            | {
                "metadata": raw["metadata"] | {"name": name, "uid": f"uid-{name}"},
                "spec": spec | {"pool": pool, "devices": [listed[each] for each in sorted(keep)]},
            },
        )

    @rule(data=st.data(), number=st.integers(1, 2))
    def write_claims(self, data: st.DataObject, number: int) -> None:
        there = list(self.resources["pods"].history.at(self.version).values())
        for _ in range(number):
            self._write("claims", data.draw(claims(there)))

    @rule(raw=pods())
    def write_pod(self, raw: Object) -> None:
        self._write("pods", raw)

    @rule(raw=nodes())
    def write_node(self, raw: Object) -> None:
        self._write("nodes", raw)

    @rule(raw=classes())
    def write_class(self, raw: Object) -> None:
        self._write("classes", raw)

    @rule(raw=rules())
    def write_rule(self, raw: Object) -> None:
        self._write("rules", raw)

    @rule(kind=_kinds, which=st.integers(0, 10))
    def delete(self, kind: str, which: int) -> None:
        history = self.resources[kind].history
        keys = sorted(history.at(self.version))
        if keys:
            self.version += 1
            history.delete(keys[which % len(keys)], self.version)

    # What the watches tell of it

    @rule()
    def settle(self) -> None:
        for kind in KINDS:
            self._tell(kind, 1000)

    @rule(kind=_kinds, most=st.integers(1, 4))
    def tell(self, kind: str, most: int) -> None:
        if not self._tell(kind, most):
            assert self.ledger.snapshot() is self.snapshot

    def _tell(self, kind: str, most: int) -> bool:
        """Tell of the next changes; return whether anything may show one."""
        resource, shows = self.resources[kind], False
        if resource.gone:
            return False
        if resource.gap:
            self.read_list(kind, 2)
            shows = True
        for version in resource.history.versions(resource.position)[:most]:
            shows |= resource.informer.line(resource.history.line(version))
            resource.position = version
        return shows

    @rule(kind=_kinds)
    def miss(self, kind: str) -> None:
        """Let the watch expire; a list makes it good."""
        resource = self.resources[kind]
        missed = resource.history.versions(resource.position)
        if missed and not resource.gone:
            resource.position, resource.gap = missed[0], True

    @rule(kind=_kinds, limit=st.integers(1, 4))
    def read_list(self, kind: str, limit: int) -> None:
        resource = self.resources[kind]
        for index, page in enumerate(resource.history.pages(self.version, limit)):
            resource.informer.page(page, first=index == 0)
        resource.position, resource.gap, resource.gone = self.version, False, False

    @rule(kind=st.sampled_from(KINDS[2:]))
    def remove_api(self, kind: str) -> None:
        """Let the API go: nothing of it is there any more, until a list is."""
        resource = self.resources[kind]
        resource.informer.page(History().pages(self.version, 1)[0], first=True)
        resource.gone, resource.gap = True, False

    # What has to be true

    @invariant()
    def figures_are_those_of_a_recount(self) -> None:
        if not any(resource.gap for resource in self.resources.values()):
            told = {kind: resource.told for kind, resource in self.resources.items()}
            _assert_agrees(self.ledger.snapshot(), told)

    @invariant()
    def no_trace_is_left_of_how_it_came_about(self) -> None:
        fresh = Ledger(TaintPolicy())
        for rule_name, taint_rule in self.ledger.taint_rules.items():
            fresh.put_taint_rule(rule_name, taint_rule)
        for claim_key, claim in self.ledger.claims.items():
            fresh.put_claim(claim_key, claim)
        for pod_key, pod in self.ledger.pods.items():
            fresh.put_pod(pod_key, pod)
        for node_name, node in self.ledger.nodes.items():
            fresh.put_node(node_name, node)
        for slice_name, slice_ in self.ledger.slices.items():
            fresh.put_slice(slice_name, slice_)
        for class_name, device_class in self.ledger.device_classes.items():
            fresh.put_device_class(class_name, device_class)
        expected, got = fresh.snapshot(), self.ledger.snapshot()
        assert dict(got.nodes) == dict(expected.nodes)
        assert dict(got.pending) == dict(expected.pending)
        assert msgspec.structs.replace(
            got, sequence=0, nodes=expected.nodes, pending=expected.pending
        ) == msgspec.structs.replace(expected, sequence=0)

    @invariant()
    def what_did_not_change_is_shared(self) -> None:
        before, after = self.snapshot, self.ledger.snapshot()
        for name in before.nodes.keys() & after.nodes.keys():
            assert (before.nodes[name] is after.nodes[name]) == (before.nodes[name] == after.nodes[name])
        assert (before.unattached is after.unattached) == (before.unattached == after.unattached)
        assert (before is after) == (before.sequence == after.sequence)
        assert (before is after) == (
            msgspec.structs.replace(before, sequence=0, nodes=after.nodes, pending=after.pending)
            == msgspec.structs.replace(after, sequence=0)
            and dict(before.nodes) == dict(after.nodes)
            and dict(before.pending) == dict(after.pending)
        )
        self.snapshot = after


def _assert_agrees(snapshot: Snapshot, told: dict[str, list[Object]]) -> None:
    """Compare every GPU, every figure and every task with recounts of the raw objects."""
    cluster = Cluster(told["pods"], told["claims"], told["slices"], told["classes"], told["rules"])
    applied = [each for each in told["rules"] if "deviceClassName" not in each["spec"]["deviceSelector"]]
    objects = Objects(told["claims"], told["slices"], applied)
    found = (*snapshot.unattached.gpus, *(gpu for each in snapshot.nodes.values() for gpu in each.gpus))
    assert {
        _name(each): {"node": each.gpu.node or None, "state": each.state}
        for each in found
        if each.state != "unknown"
    } == recount_dra(told["pods"], told["nodes"], objects)["gpus"]
    plain = [_without_claimed(pod) for pod in told["pods"]]
    _assert_figures(snapshot, recount_both(plain, told["nodes"], objects))

    assert {
        _name(each): each.largest_partition_left for each in found if each.gpu.counters is not None
    } == cluster.largest_left()
    without = {each.claim.path for gpu in found for each in gpu.holders if each.without_pod is not None}
    assert without == cluster.without_pod()
    assert {(each.driver, each.pool): each.reason for each in snapshot.problems.pools} == {
        name: pool.wrong for name, pool in cluster.pools.items() if pool.wrong is not None
    }
    assert {pod.path: pod.gpus for each in snapshot.nodes.values() for pod in each.pods} == {
        _path(pod): number
        for pod in cluster.pods
        if pod["spec"].get("nodeName") and (number := _plugin_gpus(pod) + cluster.gpus_of(pod))
    }
    waiting = {
        _path(pod): _plugin_gpus(pod) + cluster.gpus_of(pod) + (cluster.asked(pod) or 0)
        for pod in cluster.pods
        if not pod["spec"].get("nodeName")
        and (_plugin_gpus(pod) or cluster.asked(pod) is not None or _has_gpus(cluster, pod))
    }
    assert {pod.path: pod.gpus for pod in snapshot.pending.values()} == waiting
    assert (snapshot.demand.pods, snapshot.demand.gpus) == (len(waiting), sum(waiting.values()))


def _assert_figures(snapshot: Snapshot, expected: Mapping[str, Any]) -> None:
    states = ("allocated", "unhealthy", "unavailable", "available")
    for state in states:
        assert getattr(snapshot.states, state) == expected[f"{state}_gpus"]
    assert snapshot.max_contiguous == expected["max_contiguous_gpu"]
    assert snapshot.available_nodes == expected["available_nodes"]
    assert snapshot.running_tasks == expected["running_tasks"]
    assert products(snapshot.products) == expected["products"]
    use = {name: number for name, number in msgspec.structs.asdict(snapshot.gpu_nodes).items() if number}
    assert use == expected["gpu_nodes"]
    incomplete = any(each.reason == "INCOMPLETE" for each in snapshot.problems.pools)
    # Of a slice without devices only the recount makes a row, for those that its pool may have.
    assert incomplete or snapshot.missing_nodes == expected["missing_nodes"]
    assert expected["unknown_gpus"] in (None, snapshot.unknown_gpus)
    assert incomplete or expected["unknown_gpus"] is not None
    for name, row in expected["nodes"].items():
        occupied = snapshot.nodes.get(name)
        if occupied is not None:
            assert {state: getattr(occupied.states, state) for state in states} == {
                state: row[f"{state}_gpus"] for state in states
            }
            assert occupied.largest_block == row["most_available"]
            assert occupied.approximate == row["approximate"]
            assert products(occupied.products) == row["products"]


def _without_claimed(pod: Mapping[str, Any]) -> Object:
    """Return a pod without the requests that a claim serves. One that isn't bound asks for all again."""
    if not pod["spec"].get("nodeName"):
        return dict(pod)
    extended = pod["status"].get("extendedResourceClaimStatus") or {}
    served = [each["resourceName"] for each in extended.get("requestMappings") or []]
    containers = [
        {
            **container,
            "resources": {
                part: {name: value for name, value in amounts.items() if name not in served}
                for part, amounts in container["resources"].items()
            },
        }
        for container in pod["spec"]["containers"]
    ]
    return {**pod, "spec": {**pod["spec"], "containers": containers}}


def _plugin_gpus(pod: Mapping[str, Any]) -> int:
    resources = _without_claimed(pod)["spec"]["containers"][0]["resources"]
    return int(resources.get("requests", {}).get(GPU, 0))


def _has_gpus(cluster: Cluster, pod: Mapping[str, Any]) -> bool:
    """Tell whether a pod names a claim that holds GPUs, for itself or for others."""
    named = {(pod["metadata"]["namespace"], name) for name in cluster.claims_of(pod)}
    return any(
        (claim["metadata"]["namespace"], claim["metadata"]["name"]) in named for _, claim, _ in cluster.held()
    )


def _name(held: HeldGpu) -> tuple[str, str, str, str]:
    gpu = held.gpu
    if gpu.counters is not None:
        return gpu.driver, gpu.pool, "set", gpu.name
    return gpu.driver, gpu.pool, "device", min((each.name for each in gpu.devices), default=gpu.name)


def _path(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


TestClaiming = Claiming.TestCase
TestClaiming.settings = settings(
    max_examples=full_or(20, 150),
    stateful_step_count=full_or(30, 40),
    # A failure is shown as it was found, as in test_history.
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
)
