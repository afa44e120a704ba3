"""A case: a pod and the nodes that it was asked about, as the objects that the oracle reads.

They are made from what a fit keeps of them. ``python -m tests.oracle FILE`` asks kube-scheduler's own code
about them, and the fit engine. Names can be replaced: the question stays the same one. Devices and claims are
left out: a case of a pod that asks for some isn't the whole question.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from lens.model.fit.record.judgement import has_rules_between_pods, is_repelled
from lens.model.fit.record.names import Names
from lens.model.fit.spec.affinity_terms import AffinityTerm, Terms
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.labels import unflatten
from lens.model.fit.spec.node_selectors import NAME, NodeSelector, NodeTerm
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.spec.ports import HostPorts
from lens.model.fit.spec.resources import CPU, PODS, Request
from lens.model.fit.spec.selectors import Requirement, Selector
from lens.model.fit.spec.spread_constraints import SpreadConstraint
from lens.model.fit.state import Fleet, FleetNode

MOST_BYTES = 256 * 1024
"""The size of a case. Nodes beyond that are left out."""

Object = dict[str, Any]

_encode = msgspec.json.encode


class Case(msgspec.Struct, frozen=True, gc=False):
    """A pod, nodes with what is on them, and labels of namespaces.

    ``size`` is that of its JSON; ``omitted`` is the number of nodes that are left out, where rules between
    pods make all nodes bear on the answer.
    """

    asked: AskedPod
    nodes: tuple[FleetNode, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    size: int
    omitted: int = 0


def make_case(asked: AskedPod, fleet: Fleet, node: FleetNode) -> Case:
    """Return the case of a pod on a ``node``, with all others where these bear on it."""
    repelling = [fleet.nodes[position] for position in fleet.repelling]
    wide = has_rules_between_pods(asked) or is_repelled(asked, fleet, repelling)
    others = [each for each in fleet.nodes if each is not node] if wide else []
    write = _Writer(Names(keep=True))
    known = fleet.namespaces or {}
    namespaces: dict[str, Mapping[str, str]] = {}
    size = len(_encode(write.asked(asked)))
    nodes: list[FleetNode] = []
    for each in (node, *others):
        more = {name: known[name] for name in (asked.namespace, *each.pods) if name in known}
        more = {name: labels for name, labels in more.items() if name not in namespaces}
        larger = size + len(_encode([more, write.node(each), *write.pods_on(each)]))
        if larger > MOST_BYTES:
            break
        size = larger
        nodes.append(each)
        namespaces |= more
    return Case(asked, tuple(nodes), dict(sorted(namespaces.items())), size, 1 + len(others) - len(nodes))


def fleet_of(case: Case, *, anonymous: bool = False) -> Object:
    """Return a case's objects, with ``namespaces``, ``nodes``, ``pods`` and the pod in ``asked``."""
    names = Names(keep=not anonymous)
    for node in case.nodes:
        names.of("node", node.name)
    write = _Writer(names)
    return {
        "namespaces": [write.namespace(name, labels) for name, labels in case.namespaces.items()],
        "nodes": [write.node(node) for node in case.nodes],
        "pods": [pod for node in case.nodes for pod in write.pods_on(node)],
        "asked": [write.asked(case.asked)],
    }


class _Writer:
    """Writes objects with one set of names."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._pods = 0

    def namespace(self, name: str, labels: Mapping[str, str]) -> Object:
        return {"metadata": {"name": self._names.of("namespace", name), "labels": self._labels(labels)}}

    def node(self, node: FleetNode) -> Object:
        names = self._names
        pods = node.free_pods + sum(map(len, node.pods.values()))
        status: Object = {"allocatable": {**self._quantities(node.allocatable.items()), PODS: str(pods)}}
        if node.features:
            status["declaredFeatures"] = sorted(node.features)
        spec: Object = {}
        if node.gate.unschedulable:
            spec["unschedulable"] = True
        if node.gate.taints:
            spec["taints"] = [
                {"key": names.of("key", each.key), "effect": each.effect}
                | ({"value": names.of("value", each.value)} if each.value else {})
                for each in node.gate.taints
            ]
        metadata = {"name": names.of("node", node.name), "labels": self._labels(node.labels)}
        return {"metadata": metadata, "spec": spec, "status": status}

    def pods_on(self, node: FleetNode) -> list[Object]:
        bound = [pod for pods in node.pods.values() for pod in pods]
        return [self._pod_on(pod) for pod in (*bound, *node.nominated)]

    def _pod_on(self, pod: FitPod) -> Object:
        self._pods += 1
        metadata: Object = {
            "name": f"pod-{self._pods}",
            "namespace": self._names.of("namespace", pod.namespace),
            "labels": self._labels(unflatten(pod.labels)),
        }
        if pod.terminating:
            metadata |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}
        spec: Object = {"containers": [self._container(pod.request, pod.ports)], "priority": pod.priority}
        if pod.anti_terms:
            spec["affinity"] = {"podAntiAffinity": self._terms(pod.anti_terms)}
        node, status = self._names.of("node", pod.node), {}
        if pod.nominated:
            status["nominatedNodeName"] = node
        else:
            spec["nodeName"] = node
        return {"metadata": metadata, "spec": spec, "status": status}

    def asked(self, asked: AskedPod) -> Object:
        names = self._names
        container = self._container(asked.request, asked.ports)
        spec: Object = {"containers": [container], "priority": asked.priority}
        if not asked.preempts:
            spec["preemptionPolicy"] = "Never"
        if asked.node_name:
            spec["nodeName"] = names.of("node", asked.node_name)
        if asked.selector.labels:
            spec["nodeSelector"] = self._labels(dict(asked.selector.labels))
        if asked.tolerations:
            spec["tolerations"] = [
                {"key": names.of("key", each.key), "operator": each.operator}
                | {"value": names.of("value", each.value), "effect": each.effect}
                for each in asked.tolerations
            ]
        if asked.gates:
            spec["schedulingGates"] = [{"name": names.of("key", each)} for each in asked.gates]
        if asked.spread:
            spec["topologySpreadConstraints"] = [self._constraint(each) for each in asked.spread]
        affinity: Object = {}
        if asked.selector.terms is not None:
            affinity["nodeAffinity"] = self._node_affinity(asked.selector)
        if asked.affinity:
            affinity["podAffinity"] = self._terms(asked.affinity)
        if asked.anti_affinity:
            affinity["podAntiAffinity"] = self._terms(asked.anti_affinity)
        if affinity:
            spec["affinity"] = affinity
        _require(asked.features, spec, container)
        metadata = {
            "name": "asked",
            "namespace": names.of("namespace", asked.namespace),
            "labels": self._labels(unflatten(asked.labels)),
        }
        return {"metadata": metadata, "spec": spec, "status": {}}

    def _container(self, request: Request, ports: HostPorts) -> Object:
        container: Object = {"name": "main", "resources": {"requests": self._quantities(request)}}
        if ports:
            container["ports"] = [
                {
                    "containerPort": each.port,
                    "hostPort": each.port,
                    "hostIP": self._names.of("address", each.address),
                }
                | {"protocol": each.protocol}
                for each in ports
            ]
        return container

    def _quantities(self, amounts: Iterable[tuple[str, int]]) -> dict[str, str]:
        return {
            self._names.of("resource", name): f"{amount}m" if name == CPU else str(amount)
            for name, amount in amounts
        }

    def _labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        return {self._names.of("key", key): self._names.of_label(key, value) for key, value in labels.items()}

    def _requirement(self, wanted: Requirement) -> Object:
        found: Object = {"key": self._names.of("key", wanted.key), "operator": wanted.operator}
        if wanted.values:
            found["values"] = [self._names.of_label(wanted.key, value) for value in wanted.values]
        return found

    def _selector(self, selector: Selector) -> Object:
        wanted = [self._requirement(each) for each in selector.requirements]
        return {"matchExpressions": wanted} if wanted else {}

    def _terms(self, terms: Terms) -> Object:
        return {"requiredDuringSchedulingIgnoredDuringExecution": [self._term(each) for each in terms]}

    def _term(self, term: AffinityTerm) -> Object:
        found: Object = {"topologyKey": self._names.of("key", term.topology_key)}
        if term.selector is not None:
            found["labelSelector"] = self._selector(term.selector)
        if term.namespaces:
            found["namespaces"] = [self._names.of("namespace", name) for name in term.namespaces]
        if term.namespace_selector is not None:
            found["namespaceSelector"] = self._selector(term.namespace_selector)
        return found

    def _constraint(self, constraint: SpreadConstraint) -> Object:
        found: Object = {
            "maxSkew": constraint.max_skew,
            "topologyKey": self._names.of("key", constraint.topology_key),
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeAffinityPolicy": "Honor" if constraint.honors_affinity else "Ignore",
            "nodeTaintsPolicy": "Honor" if constraint.honors_taints else "Ignore",
        }
        if constraint.selector is not None:
            found["labelSelector"] = self._selector(constraint.selector)
        if constraint.min_domains != 1:
            found["minDomains"] = constraint.min_domains
        return found

    def _node_affinity(self, selector: NodeSelector) -> Object:
        terms = [self._node_term(each) for each in selector.terms or ()]
        # A term that can't be parsed selects no node, and still says which nodes are looked at.
        named = [_named(each) for each in selector.terms or ()]
        if selector.node_names is None and terms and None not in named:
            terms.append({})
        elif selector.node_names is not None:
            more = sorted(selector.node_names.difference(*filter(None, named)))
            if more or not terms:
                names = [self._names.of("node", name) for name in more]
                # Two values can't be parsed; two fields without one in common name no node.
                wanted = [[*names, names[0]]] if more else [["a", "a"], ["b", "b"]]
                fields = [{"key": NAME, "operator": "In", "values": values} for values in wanted]
                terms.append({"matchFields": fields})
        return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}

    def _node_term(self, term: NodeTerm) -> Object:
        found: Object = {}
        if term.labels:
            found["matchExpressions"] = [self._requirement(each) for each in term.labels]
        if term.names:
            found["matchFields"] = [
                {"key": each.field, "operator": "In" if each.equal else "NotIn"}
                | {"values": [self._names.of("node", each.value)]}
                for each in term.names
            ]
        return found


def _named(term: NodeTerm) -> frozenset[str] | None:
    """Return the nodes that a term names; None for none."""
    names = [frozenset({each.value}) for each in term.names if each.field == NAME and each.equal]
    return frozenset.intersection(*names) if names else None


def _require(features: Iterable[str], spec: Object, container: Object) -> None:
    """Give a pod what requires features of a kubelet."""
    for feature in features:
        match feature:
            case "RestartAllContainersOnContainerExits":
                rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [1]}}
                container["restartPolicyRules"] = [rule]
            case "UserNamespacesHostNetworkSupport":
                spec["hostNetwork"], spec["hostUsers"] = True, False
            case "VolumeBindMountOptions":
                mount = {"name": "volume", "mountPath": "/volume", "bindMountOptions": ["noexec"]}
                container["volumeMounts"] = [mount]
