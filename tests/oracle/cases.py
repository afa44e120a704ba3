"""Fleets and pods made by seed: everything that a filter of kube-scheduler looks at, often enough to matter.

Values come from small pools, so that they meet: a pod's selectors select some pods and some nodes.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from tests.oracle.dra_cases import DeviceMaker

T = TypeVar("T")

Object = dict[str, Any]

GPUS = ("nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.10gb", "example.com/dongle")
OTHERS = ("hugepages-2Mi", "kubernetes.io/odd", "memory", "cpu", "ephemeral-storage")
NAMESPACES = ("default", "research", "training")
UNLISTED = "elsewhere"  # no Namespace object
ZONE, HOST, RACK = "topology.kubernetes.io/zone", "kubernetes.io/hostname", "example.com/rack"
ZONES, RACKS = ("a", "b", "c"), ("1", "2", "3", "10")
POOLS = ("h100", "l4", "cpu")
APPS, TIERS = ("web", "db"), ("front", "back")
TAINTS = ("nvidia.com/gpu", "dedicated", "node.kubernetes.io/not-ready", "node.kubernetes.io/unschedulable")
EFFECTS = ("NoSchedule", "NoExecute", "PreferNoSchedule")
PORTS = (80, 443, 8080)
ADDRESSES = (None, "", "0.0.0.0", "10.0.0.1", "127.0.0.1")
FEATURES = ("RestartAllContainersOnContainerExits", "UserNamespacesHostNetworkSupport", "Unknown")
DRA_PERCENT = 40
PRIORITIES = (*[None, 0] * 10, 10, -5)


class Maker:
    """Makes objects with one source of chance."""

    def __init__(self, random: Random) -> None:
        """Take the source."""
        self._random = random
        self._names = 0
        # Where everything is tight, hardly a pod gets as far as the last filters. So half of the fleets have
        # room, and half of them few taints.
        self._roomy, self._open = self.chance(60), self.chance(65)
        # A zone that is closed is empty too: whether it counts decides how even a spread is.
        self._closed_zone = self.one(ZONES) if self.chance(25) else None

    def chance(self, percent: int) -> bool:
        """Return True that often."""
        return self._random.randrange(100) < percent

    def one(self, values: Sequence[T]) -> T:
        """Return one of the values."""
        return self._random.choice(values)

    def some(self, values: Sequence[T], most: int) -> list[T]:
        """Return up to that many different values."""
        return self._random.sample(values, self._random.randint(0, min(most, len(values))))

    def many(self, most: int, make: Callable[[], T], least: int = 0) -> list[T]:
        """Return some things that a function makes."""
        return [make() for _ in range(self._random.randint(least, most))]

    # -- fleets

    def fleet(self, asked: int) -> Object:
        """Return a fleet with pods that are asked about."""
        nodes = [self.node(index) for index in range(self._random.randint(1, 12))]
        names = [node["metadata"]["name"] for node in nodes]
        count = self._random.randint(0, self.one((1, 3, 6)) * len(nodes))
        # An even spread would hardly violate anything.
        names_in_use = [
            node["metadata"]["name"]
            for node in nodes
            if self._closed_zone is None or node["metadata"]["labels"].get(ZONE) != self._closed_zone
        ]
        crowded = self.some(names_in_use, 2) * self.one((0, 5, 10))
        fleet = {
            "namespaces": [self.namespace(name) for name in NAMESPACES],
            "nodes": nodes,
            "pods": [self.pod_on([*names_in_use, *crowded, "gone"]) for _ in range(count)],
            "asked": [self.asked(names) for _ in range(asked)],
        }
        if self.chance(DRA_PERCENT):
            DeviceMaker(self, nodes).add_to(fleet)
        return fleet

    def namespace(self, name: str) -> Object:
        """Return a Namespace."""
        labels = {"kubernetes.io/metadata.name": name}
        if self.chance(60):
            labels["team"] = self.one(("red", "blue"))
        return {"metadata": {"name": name, "labels": labels}}

    def node(self, index: int) -> Object:
        """Return a Node."""
        name = f"node-{index}"
        labels = {HOST: name} if self.chance(95) else {}
        for key, values, percent in (ZONE, ZONES, 85), (RACK, RACKS, 60), ("pool", POOLS, 80):
            if self.chance(percent):
                labels[key] = self.one(values)
        if self.chance(3):
            labels |= {f"feature.example.com/f{number}": "true" for number in range(200)}
        spec: Object = {}
        if self.chance(3 if self._open else 12):
            spec["unschedulable"] = True
        if self.chance(8 if self._open else 35):
            spec["taints"] = self.many(2, self.taint, least=1)
        if self._closed_zone is not None and labels.get(ZONE) == self._closed_zone:
            spec["taints"] = [{"key": "dedicated", "value": "moved", "effect": "NoSchedule"}]
        status: Object = {"allocatable": self.allocatable()}
        if self.chance(40):
            status["declaredFeatures"] = sorted(self.some(FEATURES, 3))  # an apiserver takes them sorted
        return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}

    def taint(self) -> Object:
        """Return a taint."""
        taint = {"key": self.one(TAINTS), "effect": self.one(EFFECTS)}
        if self.chance(60):
            taint["value"] = self.one(("true", "5", "10"))
        return taint

    def allocatable(self) -> Object:
        """Return what a node has to give."""
        if self._roomy and self.chance(90):
            room: Object = {"cpu": "64", "memory": "512Gi", "ephemeral-storage": "1Ti", "pods": "110"}
            room |= dict.fromkeys((*GPUS, "hugepages-2Mi", "kubernetes.io/odd"), "1Gi")
            return room
        found: Object = {
            "cpu": self.one(("4", "8", "3900m", "0.5")),
            "memory": self.one(("8Gi", "4G", "1.5Gi", "1000000001")),
            "ephemeral-storage": self.one(("10Gi", "1Gi", "0")),
            "pods": self.one(("110", "3", "1", "0", "5")),
        }
        if self.chance(8):
            del found[self.one(list(found))]
        for resource in GPUS:
            if self.chance(50):
                found[resource] = self.one(("0", "1", "2", "4", "8"))
        for resource in ("hugepages-2Mi", "kubernetes.io/odd"):
            if self.chance(25):
                found[resource] = self.one(("64Mi", "0", "2"))
        return found

    # -- pods

    def pod_on(self, nodes: Sequence[str]) -> Object:
        """Return a pod on a node, nominated to one, or on none."""
        pod = self.pod()
        spec, status = pod["spec"], pod["status"]
        if self.chance(80):
            spec["nodeName"] = self.one(nodes)
            status["phase"] = self.one(("Running", "Running", "Pending", "Unknown", "Succeeded", "Failed"))
            if self.chance(25):
                self.resize(pod)
        else:
            status["phase"] = "Pending"
            if self.chance(80):
                status["nominatedNodeName"] = self.one(nodes)
            if self.chance(10):
                spec["schedulerName"] = "other"
        if self.chance(10):
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            pod["metadata"]["finalizers"] = ["example.com/hold"]
        return pod

    def asked(self, nodes: Sequence[str]) -> Object:
        """Return a pod that is asked about."""
        pod = self.pod()
        spec = pod["spec"]
        if self.chance(45):
            spec["tolerations"] = self.many(3, self.toleration, least=1)
        if self.chance(15):
            spec["nodeSelector"] = self.node_labels(nodes)
        if self.chance(25):
            terms = self.many(3, lambda: self.node_term(nodes), least=1)
            if self._closed_zone is not None and self.chance(70):
                elsewhere = {"key": ZONE, "operator": "NotIn", "values": [self._closed_zone]}
                terms = [{"matchExpressions": [elsewhere]}]
            required = {"nodeSelectorTerms": terms}
            spec.setdefault("affinity", {})["nodeAffinity"] = {
                "requiredDuringSchedulingIgnoredDuringExecution": required
            }
        if self.chance(4):
            spec["nodeName"] = self.one([*nodes, "gone"])
        if self.chance(40):
            spec["topologySpreadConstraints"] = self.many(2, self.spread, least=1)
        if self.chance(3):
            spec["schedulingGates"] = [{"name": "example.com/a"}, {"name": "b"}][: self.one((1, 2))]
        if self.chance(5):
            spec["hostNetwork"], spec["hostUsers"] = True, self.one((True, False))
        if self.chance(6):
            rule: Object = {"action": self.one(("Restart", "RestartAllContainers"))}
            rule |= {"exitCodes": {"operator": "In", "values": [1]}}
            spec["containers"][0]["restartPolicyRules"] = [rule]
        return pod

    def pod(self) -> Object:
        """Return a pod without what decides which nodes it goes to."""
        self._names += 1
        spec: Object = {"containers": self.many(3, self.container, least=1)}
        if self.chance(25):
            spec["initContainers"] = self.many(3, self.init_container, least=1)
        for index, each in enumerate([*spec["containers"], *spec.get("initContainers", [])]):
            each["name"] = f"c{index}"
        if self.chance(10):
            spec["overhead"] = self.amounts(1, extended=False)
        if self.chance(10):
            names = ("cpu", "memory", "hugepages-2Mi")
            spec["resources"] = {"requests": {self.one(names): self.one(("1", "500m", "64Mi"))}}
        priority = self.one(PRIORITIES)
        if priority is not None:
            spec["priority"] = priority
        affinity = {}
        if self.chance(20):
            affinity["podAffinity"] = self.pod_affinity()
        if self.chance(25):
            affinity["podAntiAffinity"] = self.pod_affinity()
        if affinity:
            spec["affinity"] = affinity
        labels = {}
        for key, values, percent in ("app", APPS, 90), ("tier", TIERS, 60), ("version", ("1", "2"), 50):
            if self.chance(percent):
                labels[key] = self.one(values)
        namespace = self.one((*NAMESPACES, *["default"] * 6, UNLISTED))
        meta: Object = {"name": f"pod-{self._names}", "namespace": namespace, "labels": labels}
        return {"metadata": meta, "spec": spec, "status": {}}

    def container(self) -> Object:
        """Return a container."""
        container: Object = {"resources": {"requests": self.amounts(3)}} if self.chance(85) else {}
        if self.chance(12):
            container["ports"] = self.many(2, self.port, least=1)
        return container

    def init_container(self) -> Object:
        """Return an init container or a sidecar."""
        container = self.container()
        if self.chance(50):
            container["restartPolicy"] = "Always"
        return container

    def port(self) -> Object:
        """Return a port, most often of the host."""
        number = self.one(PORTS)
        port: Object = {"containerPort": number}
        if self.chance(85):
            port["hostPort"] = number
        address, protocol = self.one(ADDRESSES), self.one((None, "TCP", "UDP"))
        if address is not None:
            port["hostIP"] = address
        if protocol is not None:
            port["protocol"] = protocol
        return port

    def amounts(self, most: int, *, extended: bool = True) -> Object:
        """Return a list of requests."""
        quantities = {
            "cpu": ("100m", "1", "0", "1500m", "0.0001", "2500u"),
            "memory": ("1Gi", "500M", "0", "100.5", "1e9"),
            "ephemeral-storage": ("1Gi", "100Mi", "0"),
            "hugepages-2Mi": ("2Mi", "64Mi"),
            "kubernetes.io/odd": ("1", "2"),
        }
        names = [*self.some(("cpu", "memory", "cpu", "memory", *OTHERS), most)]
        if extended and self.chance(60):
            names.append(self.one((*GPUS, GPUS[0], GPUS[0])))
        return {name: self.one(quantities.get(name, ("1", "1", "2", "4", "0", "9"))) for name in names}

    def resize(self, pod: Object) -> None:
        """Give a pod the traces of a resize."""
        statuses = []
        for container in pod["spec"]["containers"]:
            status: Object = {"name": container["name"]}
            if self.chance(60):
                status["allocatedResources"] = self.amounts(2)
            if self.chance(60):
                status["resources"] = {"requests": self.amounts(2)} if self.chance(80) else {}
            statuses.append(status)
        pod["status"]["containerStatuses"] = statuses
        if self.chance(30):
            pod["status"]["resources"] = {"requests": self.amounts(2)} if self.chance(80) else {}
        if self.chance(30):
            pod["status"]["allocatedResources"] = self.amounts(2)
        if self.chance(50):
            reason = self.one(("Infeasible", "Deferred"))
            pod["status"]["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": reason}]

    # -- what decides which nodes a pod goes to

    def toleration(self) -> Object:
        """Return a toleration with any operator."""
        toleration: Object = {}
        operator = self.one((None, "Equal", "Exists", "Exists", "Lt", "Gt"))
        if operator is not None:
            toleration["operator"] = operator
        if self.chance(80):
            toleration["key"] = self.one(TAINTS)
        if operator != "Exists" and self.chance(70):
            toleration["value"] = self.one(("true", "5", "10", "7"))
        if self.chance(50):
            toleration["effect"] = self.one(EFFECTS)
        return toleration

    def node_labels(self, nodes: Sequence[str]) -> dict[str, str]:
        """Return labels that some nodes have."""
        pools: Sequence[tuple[str, Sequence[str]]] = ((ZONE, ZONES), ("pool", POOLS), (HOST, nodes))
        return {key: self.one(values) for key, values in self.some(pools, 2)}

    def node_term(self, nodes: Sequence[str]) -> Object:
        """Return a term of node affinity; now and then an empty one, or one that can't be parsed."""
        term: Object = {}
        if self.chance(85):
            term["matchExpressions"] = self.many(2, lambda: self.requirement(node=True, nodes=nodes), least=1)
        if self.chance(20):
            names = self.many(2, lambda: self.one([*nodes, "gone"]), least=1)
            field = {"key": "metadata.name", "operator": self.one(("In", "In", "NotIn")), "values": names}
            if self.chance(85):
                field["values"] = names[:1]
            term["matchFields"] = [field]
            if self.chance(20):
                term["matchFields"].append({**field, "values": [self.one(nodes)]})
        return term

    def requirement(self, *, node: bool = False, nodes: Sequence[str] = ()) -> Object:
        """Return a requirement on a node's labels or a pod's."""
        pools: Sequence[tuple[str, Sequence[str]]]
        operators: Sequence[str] = ("In", "NotIn", "Exists", "DoesNotExist")
        if node:
            pools = ((ZONE, ZONES), (RACK, RACKS), ("pool", POOLS), (HOST, nodes))
            operators = (*operators, "Gt", "Lt")
        else:
            pools = (("app", APPS), ("tier", TIERS), ("version", ("1", "2")))
        key, values = self.one(pools)
        operator = self.one(operators)
        if operator in ("Gt", "Lt"):
            return {"key": self.one((RACK, key)), "operator": operator, "values": [self.one(("1", "2", "5"))]}
        found: Object = {"key": key, "operator": operator}
        if operator in ("In", "NotIn"):
            found["values"] = self.some(values, 2) or [values[0]]
        if node and self.chance(3):
            found["values"] = []
        return found

    def selector(self) -> Object | None:
        """Return a label selector; now and then none, or one that selects everything."""
        if self.chance(5):
            return None
        if self.chance(8):
            return {}
        found: Object = {}
        if self.chance(80):
            found["matchLabels"] = {"app": self.one(APPS)}
        if self.chance(25) or not found:
            found["matchExpressions"] = self.many(2, self.requirement, least=1)
        return found

    def pod_affinity(self) -> Object:
        """Return required terms of (anti-)affinity."""
        terms = self.many(2, self.affinity_term, least=1)
        return {"requiredDuringSchedulingIgnoredDuringExecution": terms}

    def affinity_term(self) -> Object:
        """Return a term of (anti-)affinity."""
        term: Object = {"topologyKey": self.one((HOST, ZONE, RACK))}
        selector = self.selector()
        if selector is not None:
            term["labelSelector"] = selector
        if self.chance(25):
            term["namespaces"] = self.some((*NAMESPACES, UNLISTED), 2)
        if self.chance(25):
            team: Object = {"matchLabels": {"team": self.one(("red", "blue"))}}
            absent: Object = {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}
            term["namespaceSelector"] = self.one((team, absent, {}))
        return term

    def spread(self) -> Object:
        """Return a topology spread constraint."""
        constraint: Object = {
            "maxSkew": self.one((1, 1, 1, 2)),
            "topologyKey": self.one((HOST, ZONE, RACK)),
            "whenUnsatisfiable": self.one(("DoNotSchedule", "DoNotSchedule", "ScheduleAnyway")),
        }
        selector = self.selector()
        if selector is not None:
            constraint["labelSelector"] = selector
        if self.chance(50):
            constraint["minDomains"] = self.one((2, 4, 4))
        for policy in "nodeAffinityPolicy", "nodeTaintsPolicy":
            if self.chance(40):
                constraint[policy] = self.one(("Honor", "Ignore"))
        if self.chance(20):
            constraint["matchLabelKeys"] = self.some(("app", "version", "absent"), 2)
        return constraint


def fleet(seed: int, asked: int) -> Object:
    """Return the fleet of a seed."""
    return Maker(Random(seed)).fleet(asked)
