"""Writes what a fit keeps of namespaces, nodes and pods as the objects that the oracle reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from lens.model.fit.record.names import Names
from lens.model.fit.spec.affinity_terms import AffinityTerm, Terms
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import AskedClaim
from lens.model.fit.spec.containers import ContainerRequest
from lens.model.fit.spec.labels import unflatten
from lens.model.fit.spec.node_selectors import NAME, NodeSelector, NodeTerm
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.spec.ports import HostPorts
from lens.model.fit.spec.resources import CPU, PODS, Request
from lens.model.fit.spec.selectors import Requirement, Selector
from lens.model.fit.spec.spread_constraints import SpreadConstraint
from lens.model.fit.state import FleetNode

Object = dict[str, Any]

ASKED = "asked-0"
"""The uid that the oracle gives the pod that is asked about."""


class Writer:
    """Writes objects with one set of names."""

    def __init__(self, names: Names) -> None:
        """Take the names."""
        self._names = names
        self._pods = 0

    def namespace(self, name: str, labels: Mapping[str, str]) -> Object:
        """Return a Namespace."""
        return {"metadata": {"name": self._names.of("namespace", name), "labels": self.labels(labels)}}

    def node(self, node: FleetNode) -> Object:
        """Return a Node."""
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
        metadata = {"name": names.of("node", node.name), "labels": self.labels(node.labels)}
        return {"metadata": metadata, "spec": spec, "status": status}

    def pods_on(self, node: FleetNode) -> list[Object]:
        """Return the pods on a node, and those that are nominated to it."""
        bound = [pod for pods in node.pods.values() for pod in pods]
        return [self._pod_on(pod) for pod in (*bound, *node.nominated)]

    def _pod_on(self, pod: FitPod) -> Object:
        self._pods += 1
        metadata: Object = {
            "name": f"pod-{self._pods}",
            "namespace": self._names.of("namespace", pod.namespace),
            "labels": self.labels(unflatten(pod.labels)),
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
        """Return the pod that is asked about."""
        names = self._names
        init, containers = self._containers(asked)
        container = containers[0]
        spec: Object = {"containers": containers, "priority": asked.priority}
        if init:
            spec["initContainers"] = init
        if not asked.preempts:
            spec["preemptionPolicy"] = "Never"
        if asked.node_name:
            spec["nodeName"] = names.of("node", asked.node_name)
        if asked.selector.labels:
            spec["nodeSelector"] = self.labels(dict(asked.selector.labels))
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
            "labels": self.labels(unflatten(asked.labels)),
        }
        status: Object = {}
        if asked.claims:
            metadata["uid"] = ASKED
            spec["resourceClaims"] = [self._pod_claim(each) for each in asked.claims]
            made = [
                {"name": names.of_device("request", each.name), "resourceClaimName": self.claim(each)}
                for each in asked.claims
                if is_made(each)
            ]
            status["resourceClaimStatuses"] = made
        return {"metadata": metadata, "spec": spec, "status": status}

    def claim(self, claim: AskedClaim) -> str:
        """Return the name of a pod's claim; one that is made of a template may not have any yet."""
        return self._names.of_device("claim", claim.claim or f"asked-{claim.name}")

    def _pod_claim(self, claim: AskedClaim) -> Object:
        found: Object = {"name": self._names.of_device("request", claim.name)}
        if is_made(claim) or claim.template:
            return {**found, "resourceClaimTemplateName": "template"}
        return {**found, "resourceClaimName": self.claim(claim)} if claim.claim else found

    def _containers(self, asked: AskedPod) -> tuple[list[Object], list[Object]]:
        """Return init containers and others: several only where claims may serve what each requests."""
        if not asked.containers:
            return [], [self._container(asked.request, asked.ports)]
        # What follows the last init container that ends are sidecars or others, which count alike.
        ending = [index for index, each in enumerate(asked.containers) if each.ends_early]
        first = ending[-1] + 1 if ending else 0
        single = {name for each in asked.containers for name, _, _ in each.resources}
        others = tuple((name, amount) for name, amount in asked.request if name not in single)
        written = [
            self._container(
                (*own_request(each), *(others if index == first else ())),
                asked.ports if index == first else (),
            )
            | {"name": f"c{index}"}
            | ({} if each.ends_early or index >= first else {"restartPolicy": "Always"})
            for index, each in enumerate(asked.containers)
        ]
        return written[:first], written[first:]

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

    def labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return labels."""
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
        terms = [self.node_term(each) for each in selector.terms or ()]
        # A term that can't be parsed selects no node, and still says which nodes are checked.
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

    def node_term(self, term: NodeTerm) -> Object:
        """Return a NodeSelectorTerm."""
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


def is_made(claim: AskedClaim) -> bool:
    """Return whether a claim of a pod's own has been made of a template."""
    return claim.owner is not None or (bool(claim.template) and claim.spec is not None)


def own_request(container: ContainerRequest) -> Request:
    """Return what a container requests of extended resources."""
    return tuple((name, amount) for name, amount, _ in container.resources)


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
