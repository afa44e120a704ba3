"""Nodes and questions made by seed, in groups that have nothing to do with each other.

A group is a namespace with a few nodes. Its pods select its nodes by a label, and its rules between pods are
about its own namespace and its own zones. So the questions of one round, one from each group, can be put at
the same time.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from tests.e2e.cluster.api import Manifest

GROUP = "example.com/fit-group"
ROUND = "example.com/fit-round"
"""The label of the pods of one round."""

NODES = 4
GPU = "nvidia.com/gpu"
RESOURCES = (GPU, GPU, GPU, "amd.com/gpu", "example.com/dongle")
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
TAINTS = (
    {"key": GPU, "value": "present", "effect": "NoSchedule"},
    {"key": "dedicated", "value": "research", "effect": "NoSchedule"},
    {"key": "dedicated", "value": "training", "effect": "NoExecute"},
    {"key": "amd.com/gpu", "effect": "NoSchedule"},
    {"key": "old", "effect": "PreferNoSchedule"},
)
VENDORS = (GPU, "amd.com/gpu")
"""The keys of the taints here that Lens takes GPU pods to tolerate."""

PORTS = {"main": (80, 8080), "second": (81, 8081), "first": (82, 8082)}

Kind = Literal["pod", "replicas", "query"]


@dataclass
class Question:
    """What is asked, and the pods that are created to see whether it was right.

    ``manifest`` is posted; a ``query`` is what a GET asks, whose answer names the pods' resource.
    """

    kind: Kind
    namespace: str
    manifest: Manifest | None = None
    query: dict[str, str] = field(default_factory=dict)
    pods: list[Manifest] = field(default_factory=list)


class Maker:
    """Makes nodes and questions with one source of chance."""

    def __init__(self, seed: int) -> None:
        """Take the seed."""
        self._random = Random(seed)
        self._numbers = 0

    def chance(self, percent: int) -> bool:
        """Return True that often."""
        return self._random.randrange(100) < percent

    def one(self, values: Any) -> Any:
        """Return one of the values."""
        return self._random.choice(values)

    # -- nodes

    def nodes(self, group: str) -> list[Manifest]:
        """Return a group's nodes."""
        return [self._node(group, f"{group}-{index}") for index in range(NODES)]

    def _node(self, group: str, name: str) -> Manifest:
        room = {
            "cpu": self.one(("4", "8", "16", "7910m")),
            "memory": self.one(("16Gi", "64Gi", "33000000001")),
            "ephemeral-storage": self.one(("100Gi", "20Gi")),
            "pods": self.one(("3", "6", "110", "110")),
        }
        for resource in sorted(set(RESOURCES)):
            if self.chance(90 if resource == GPU else 50):
                room[resource] = self.one(("1", "2", "4", "8", "8"))
        spec: Manifest = {"taints": self._random.sample(TAINTS, self.one((0, 0, 0, 1, 1, 2)))}
        if self.chance(4):
            spec["unschedulable"] = True
        labels = {HOST: name, ZONE: f"{group}-{self.one('ab')}", GROUP: group}
        labels |= {"pool": self.one(("h100", "l4")), "generation": self.one(("1", "2", "10"))}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": labels},
            "spec": spec,
            "status": {"capacity": room, "allocatable": room},
        }

    # -- questions

    def question(self, group: str, number: int) -> Question:
        """Return the question to a group in the round of that number."""
        kind: Kind = self.one(("pod",) * 16 + ("replicas",) * 3 + ("query",) * 2)
        if kind == "query":
            return self._query(group, number)
        template = self._template(group, number)
        count = 1 if kind == "pod" else self._random.randint(2, 6)
        pods = [self._pod(group, template) for _ in range(count)]
        if kind == "pod":
            manifest = {**pods[0], "metadata": {**pods[0]["metadata"], "name": "asked"}}
        else:
            manifest = self._workload(group, template, count)
        return Question(kind, group, manifest=manifest, pods=pods)

    def _query(self, group: str, number: int) -> Question:
        gpus = self.one((1, 1, 2, 4, 8, 9))
        query = {"gpus": str(gpus), "selector": f"{GROUP}={group}", "namespace": group}
        requests = {}
        if self.chance(40):
            query["cpu"] = requests["cpu"] = self.one(("500m", "2", "7"))
        if self.chance(30):
            query["memory"] = requests["memory"] = self.one(("1Gi", "20Gi"))
        template = {
            "metadata": {"labels": {ROUND: str(number)}},
            "spec": {
                "containers": [
                    {"name": "main", "image": "none", "resources": {"requests": requests, "limits": {}}}
                ],
                "nodeSelector": {GROUP: group},
                "tolerations": [{"key": key, "operator": "Exists"} for key in VENDORS],
            },
        }
        return Question("query", group, query=query, pods=[self._pod(group, template)])

    def _pod(self, group: str, template: Manifest) -> Manifest:
        self._numbers += 1
        metadata = {**template["metadata"], "name": f"asked-{self._numbers}", "namespace": group}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}

    def _workload(self, group: str, template: Manifest, count: int) -> Manifest:
        spec: Manifest = {"template": template}
        kind, version = self.one((("Job", "batch/v1"), ("Deployment", "apps/v1"), ("StatefulSet", "apps/v1")))
        if kind == "Job":
            spec["parallelism"] = spec["completions"] = count
            spec["template"] = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
        else:
            spec["replicas"] = count
            spec["selector"] = {"matchLabels": template["metadata"]["labels"]}
        metadata = {"name": "asked", "namespace": group}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}

    def _template(self, group: str, number: int) -> Manifest:
        labels = {ROUND: str(number), "app": self.one(("web", "db"))}
        if self.chance(50):
            labels["tier"] = self.one(("front", "back"))
        spec: Manifest = {
            "containers": [self._container("main", gpus=90)],
            "nodeSelector": {GROUP: group},
            "terminationGracePeriodSeconds": 0,
        }
        if self.chance(20):
            spec["containers"].append(self._container("second", gpus=30))
        if self.chance(15):
            spec["initContainers"] = [self._container("first", gpus=50)]
            if self.chance(50):
                spec["initContainers"][0]["restartPolicy"] = "Always"
        if self.chance(10):
            spec["nodeSelector"]["pool"] = self.one(("h100", "l4", "none"))
        if self.chance(70):
            spec["tolerations"] = self._random.sample(self._tolerations(), self.one((1, 2, 3)))
        affinity = {}
        if self.chance(15):
            affinity["nodeAffinity"] = self._node_affinity(group)
        if self.chance(10):
            affinity["podAntiAffinity"] = self._pod_affinity()
        if self.chance(4):
            affinity["podAffinity"] = self._pod_affinity()
        if affinity:
            spec["affinity"] = affinity
        if self.chance(15):
            spec["topologySpreadConstraints"] = [self._spread(labels)]
        return {"metadata": {"labels": labels}, "spec": spec}

    def _container(self, name: str, *, gpus: int) -> Manifest:
        requests: dict[str, str] = {}
        if self.chance(60):
            requests["cpu"] = self.one(("100m", "1", "2500m", "6"))
        if self.chance(50):
            requests["memory"] = self.one(("100Mi", "4Gi", "20Gi"))
        if self.chance(10):
            requests["ephemeral-storage"] = self.one(("1Gi", "30Gi"))
        limits = {}
        if self.chance(gpus):
            resource = self.one(RESOURCES)
            requests[resource] = limits[resource] = self.one(("1", "1", "1", "2", "4", "8"))
        container: Manifest = {"name": name, "image": "none"}
        container["resources"] = {"requests": requests, "limits": limits}
        if self.chance(8):
            # An apiserver refuses a pod two of whose containers want the same port.
            port = self.one(PORTS[name])
            container["ports"] = [{"containerPort": port, "hostPort": port, "name": name}]
        return container

    def _tolerations(self) -> list[Manifest]:
        return [
            {"key": GPU, "operator": "Exists"},
            {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
            {"key": GPU, "operator": "Equal", "value": self.one(("present", "other"))},
            {"key": "dedicated", "value": self.one(("research", "training")), "effect": "NoSchedule"},
            {"key": "dedicated", "operator": "Exists"},
            {"key": "amd.com/gpu", "operator": "Exists"},
        ]

    def _node_affinity(self, group: str) -> Manifest:
        expressions = (
            {"key": "pool", "operator": "NotIn", "values": ["l4"]},
            {"key": "pool", "operator": "In", "values": ["l4", "none"]},
            {"key": "generation", "operator": "Gt", "values": ["1"]},
            {"key": ZONE, "operator": "In", "values": [f"{group}-a"]},
            {"key": "absent", "operator": "DoesNotExist"},
        )
        terms: list[Manifest] = [{"matchExpressions": self._random.sample(expressions, self.one((1, 1, 2)))}]
        if self.chance(30):
            name = f"{group}-{self.one('0123')}"
            field = {"key": "metadata.name", "operator": self.one(("In", "NotIn")), "values": [name]}
            terms.append({"matchFields": [field]})
        return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}

    def _pod_affinity(self) -> Manifest:
        term: Manifest = {"topologyKey": self.one((HOST, ZONE))}
        term["labelSelector"] = {"matchLabels": {"app": self.one(("web", "db"))}}
        if self.chance(30):
            wanted = {"key": "tier", "operator": self.one(("Exists", "DoesNotExist"))}
            term["labelSelector"]["matchExpressions"] = [wanted]
        return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}

    def _spread(self, labels: Manifest) -> Manifest:
        constraint: Manifest = {
            "maxSkew": self.one((1, 1, 2)),
            "topologyKey": self.one((HOST, ZONE)),
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": labels["app"]}},
        }
        if self.chance(20):
            constraint["minDomains"] = self.one((2, 3))
        if self.chance(20):
            constraint["nodeTaintsPolicy"] = self.one(("Honor", "Ignore"))
        return constraint
