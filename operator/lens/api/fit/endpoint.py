"""``/api/v1/realtime/fit``: whether pods would be scheduled now."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from lens.api.errors import ApiError
from lens.api.manifests import ManifestError, read_manifests
from lens.api.parameters.fit import FitParameters, FitQuery
from lens.api.parameters.names import is_dns_label
from lens.api.schemas.fit import Fit, FitAlternative, FitEvictable, FitPods, FitQuotaUse, FitReason
from lens.model.cluster_state import StateView
from lens.model.fit.admission.quota import QuotaResult, quota_message
from lens.model.fit.admission.workload import NOTHING_BROUGHT, Brought, PodGroup, read_workload
from lens.model.fit.answer.answer import Answer, Options, answer
from lens.model.fit.answer.asked_group import AskedGroup, read_group
from lens.model.fit.answer.placing import GroupResult
from lens.model.fit.deadline import Check, deadline
from lens.model.fit.result import Reason
from lens.model.fit.spec.affinity_terms import AffinityTerm
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ClaimSpec, DeviceRequest, SubRequest
from lens.model.fit.spec.node_selectors import NodeSelector, NodeTerm
from lens.model.fit.spec.selectors import Requirement
from lens.model.fit.spec.tolerations import Toleration
from lens.model.fit.state import Fleet
from lens.model.k8s import timestamps
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy, Tolerated
from lens.model.k8s.vendors import (
    PRODUCT_LABELS,
    VENDORS,
    PartitionModes,
    ReplicasAndMig,
    product_named,
)

MOST_SECONDS = 0.5
"""How long alternatives are looked for."""

LONGEST_SECONDS = 3.0
"""How long a question is worked on. The most costly reasonable ones take a third of it."""

DEFAULT_RESOURCE = VENDORS[0].resources[0]
"""What a GET asks for where no node has whole GPUs."""

MOST_KINDS = 8
MOST_PRODUCTS = 8
MOST_PLACEMENTS = 256
"""Nodes of one template's pods that are listed, those with the most pods first."""

MOST_DEVICES = 64
"""Devices of a node that are listed."""

_NAMELESS = frozenset({"gpus", "replicas", "product", "devices", "selector"})
"""Changes of a question whose values name no team."""

DEFAULT_NAMESPACE = "default"

NAMESPACE = "namespace"
"""In ``not_checked``: the quotas and LimitRanges of the pods' namespace, and their affinity to its pods."""

NAMESPACES = "namespaces"
"""Likewise: the pods' affinity to those of other namespaces."""


class Kind(NamedTuple):
    """What a GET's pods ask for: a resource, or devices of a class."""

    resource: str | None = None
    device_class: str | None = None


class FitQuestions:
    """Answers questions about one state after another. Pure apart from a clock that limits the work."""

    def __init__(
        self, gpus: GpuResources, taints: TaintPolicy, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Take which resources are GPUs, and the taints that a GET's pods tolerate."""
        self._gpus = gpus
        self._taints = taints
        self._clock = clock

    def asked(self, view: StateView, params: FitQuery, now: float) -> Fit:
        """Answer a GET. As capacity it is answered without its namespace, by nodes alone."""
        if params.view is not None and params.namespace is not None:
            return _without_namespace(self.asked(view, params.model_copy(update={"namespace": None}), now))
        check_time = deadline(self._clock, LONGEST_SECONDS)
        kinds = self._kinds(view, params)
        best, chosen = (-1, -1), kinds[0]
        for kind in kinds if len(kinds) > 1 else ():
            found = self._answer(view, params, kind, check_time, alternatives=False)
            if _rank(found) > best:
                best, chosen = _rank(found), kind
            if found.fits == "yes":
                break
        found = self._answer(view, params, chosen, check_time)
        return _data(params, view, now, found, chosen)

    def _answer(
        self,
        view: StateView,
        params: FitQuery,
        kind: Kind,
        check_time: Check,
        *,
        alternatives: bool = True,
    ) -> Answer:
        group = self._group(view, params, kind)
        return self._about(
            view, (group,), params.namespace, kind.resource, check_time, alternatives=alternatives
        )

    def posted(
        self,
        view: StateView,
        params: FitParameters,
        body: bytes,
        now: float,
        *,
        sees_others: bool = True,
    ) -> Mapping[str, Any]:
        """Answer a POST; as capacity without what depends on its namespace.

        Where its pods choose by pods of other namespaces, the answer would tell whether those are there: who
        doesn't see others gets one without these rules. Raise an ApiError, 400, for what isn't a workload.
        """
        try:
            workload = read_workload(read_manifests(body))
            namespace: str | None = _namespace(params.namespace, workload.namespace)
            if params.view is not None:
                namespace = None
            groups = [
                read_group(each, namespace or "", view.fit, workload.brought) for each in workload.groups
            ]
            beyond = not sees_others and any(_looks_beyond(each.asked, namespace) for each in groups)
            if params.view is not None or beyond:
                groups = [_within_namespace(each) for each in groups]
        except (ManifestError, ValueError) as error:
            raise ApiError(400, 4000, f"Invalid manifest: {error}") from None
        found = self._about(view, groups, namespace, None, deadline(self._clock, LONGEST_SECONDS))
        data = _data(params, view, now, found, Kind())
        if params.view is not None:
            return _without_namespace(data)
        return _unchecked(data, NAMESPACES) if beyond else data

    def _about(
        self,
        view: StateView,
        groups: Sequence[AskedGroup],
        namespace: str | None,
        resource: str | None,
        check_time: Check,
        *,
        alternatives: bool = True,
    ) -> Answer:
        until = self._clock() + MOST_SECONDS
        options = Options(
            is_gpu=self._is_gpu,
            products=self._products(view.fit.fleet, groups, resource),
            may_go_on=lambda: self._clock() < until,
            alternatives=alternatives,
            check_time=check_time,
        )
        return answer(view.fit, groups, namespace, options)

    def _is_gpu(self, resource: str) -> bool:
        return bool(self._gpus.units({resource: 1}))

    def _kinds(self, view: StateView, params: FitQuery) -> Sequence[Kind]:
        """Return the kinds of GPUs to try, those with the most GPUs first, and then those of claims."""
        if params.resource is not None:
            return (Kind(params.resource),)
        if params.device_class is not None or not params.gpus:
            return (Kind(device_class=params.device_class),)
        allocatable = view.fit.fleet.allocatable
        whole = [
            (-amount, name)
            for name, amount in allocatable.items()
            if self._is_gpu(name) and (name not in view.snapshot.units or name in _GPUS)
        ]
        found = [Kind(name) for _, name in sorted(whole)]
        for each in sorted(view.fit.fleet.devices.classes.values(), key=lambda each: each.name):
            # A resource that a class serves is looked for both ways.
            if each.gpus and not each.extended_resource:
                found.append(Kind(device_class=each.name))
            elif each.gpus and each.extended_resource not in allocatable:
                found.append(Kind(each.extended_resource))
        # Where there is none, a pod that asks for one fits nowhere.
        return found[:MOST_KINDS] or (Kind(DEFAULT_RESOURCE),)

    def _group(self, view: StateView, params: FitQuery, kind: Kind) -> AskedGroup:
        requests: dict[str, Any] = {"cpu": params.cpu, "memory": params.memory}
        # A limit is the request too; extended resources have to have one.
        limits = {} if kind.resource is None else {kind.resource: params.gpus}
        spec: dict[str, Any] = {
            "containers": [
                {
                    "name": "asked",
                    "resources": {
                        "requests": {name: each for name, each in requests.items() if each is not None}
                        | limits,
                        "limits": limits,
                    },
                }
            ],
            "nodeSelector": dict(label.split("=", 1) for label in params.selector),
            "tolerations": [_toleration(each) for each in sorted(params.tolerations)],
        }
        brought = NOTHING_BROUGHT
        if kind.device_class is not None and params.gpus:
            spec["resourceClaims"] = [{"name": "gpus", "resourceClaimTemplateName": "gpus"}]
            devices = SubRequest("gpus", kind.device_class, count=params.gpus)
            claim = ClaimSpec((DeviceRequest("gpus", (devices,)),))
            brought = Brought(templates={"gpus": claim})
        template = {"spec": spec}
        try:
            group = read_group(
                PodGroup("Pod", "", template, params.replicas), params.namespace or "", view.fit, brought
            )
        except ValueError as error:
            raise ApiError(400, 4000, f"Invalid parameter: {error}") from None
        asked = group.asked
        if params.priority is not None:
            asked = msgspec.structs.replace(asked, priority=params.priority)
        if params.product is not None:
            asked = of_product(params.product, _product_values(view.fit.fleet), asked)
        tolerations = (*asked.tolerations, *self._tolerations(view.fit.fleet))
        asked = msgspec.structs.replace(asked, tolerations=tolerations)
        return msgspec.structs.replace(group, asked=asked)

    def _tolerations(self, fleet: Fleet) -> Iterable[Toleration]:
        """Return tolerations of all taints that GPU pods are taken to tolerate."""
        gates, _ = fleet.gates
        taints = dict.fromkeys(taint for gate in gates for taint in gate.taints)
        for taint in taints:
            if not self._taints.repels((taint,)):
                yield Toleration(taint.key, "Equal", taint.value or "", taint.effect)

    def _products(
        self, fleet: Fleet, groups: Sequence[AskedGroup], resource: str | None
    ) -> Mapping[str, Callable[[AskedPod], AskedPod]]:
        """Return the other products of one group that selects a product: the most frequent ones."""
        if len(groups) != 1 or resource is None:
            return {}
        selector = groups[0].asked.selector
        wanted = {
            product_named(each.key, value)
            for term in selector.terms or ()
            for each in term.labels
            if each.key in PRODUCT_LABELS
            for value in each.values
        }
        if not wanted:
            return {}
        values = _product_values(fleet)
        nodes: Counter[str] = Counter()
        for (label, value), number in values.items():
            product = product_named(label, value)
            if product and product not in wanted:
                nodes[product] += number
        ordered = sorted(nodes.items(), key=lambda item: (-item[1], item[0]))
        return {name: partial(of_product, name, values) for name, _ in ordered[:MOST_PRODUCTS]}


_GPUS = frozenset(
    vendor.sharing.gpu for vendor in VENDORS if isinstance(vendor.sharing, ReplicasAndMig | PartitionModes)
)
"""The resources of GPUs that may be shared under the same name; others that are shared are of parts."""


def _rank(found: Answer) -> tuple[int, int]:
    """Return what to compare answers about one resource each by: a "no" is one only if all are."""
    return ("no", "unknown", "yes").index(found.fits), found.placed


def _namespace(wanted: str | None, named: str | None) -> str:
    if wanted is not None and named not in (None, wanted):
        raise ValueError("metadata.namespace: it isn't the parameter's namespace")
    if named is not None and not is_dns_label(named):
        raise ValueError("metadata.namespace: it isn't a DNS label")
    return wanted or named or DEFAULT_NAMESPACE


def _product_values(fleet: Fleet) -> Mapping[tuple[str, str], int]:
    """Return the number of nodes with each value of each product label."""
    return Counter(
        (label, node.labels[label])
        for node in fleet.nodes
        for label in PRODUCT_LABELS
        if label in node.labels
    )


def of_product(product: str, values: Iterable[tuple[str, str]], asked: AskedPod) -> AskedPod:
    """Return the pod on nodes with a product: whose labels have one of these ``values`` that names it."""
    named = [(label, value) for label, value in values if product_named(label, value) == product]
    # Where no node has it, the selector that a user would write: no node matches.
    terms = tuple(
        NodeTerm(
            (Requirement(label, "In", tuple(value for key, value in named if key == label) or (product,)),),
            (),
        )
        for label in PRODUCT_LABELS
    )
    return msgspec.structs.replace(asked, selector=NodeSelector(asked.selector.labels, terms))


def _toleration(text: str) -> dict[str, str]:
    wanted = Tolerated.parse(text)
    operator = "Exists" if wanted.value is None else "Equal"
    return {
        "key": wanted.key,
        "operator": operator,
        "value": wanted.value or "",
        "effect": wanted.effect or "",
    }


def _terms(asked: AskedPod) -> Iterable[AffinityTerm]:
    return (*asked.affinity, *asked.anti_affinity)


def _looks_beyond(asked: AskedPod, namespace: str | None) -> bool:
    """Tell whether a pod chooses by pods of other namespaces than its own."""
    return any(
        term.namespace_selector is not None or term.namespaces != (namespace,) for term in _terms(asked)
    )


def _within_namespace(group: AskedGroup) -> AskedGroup:
    """Return the group without terms about other namespaces' pods: its own pods keep theirs."""

    def own(terms: Iterable[AffinityTerm]) -> tuple[AffinityTerm, ...]:
        return tuple(
            msgspec.structs.replace(term, namespaces=(asked.namespace,), namespace_selector=None)
            for term in terms
            if asked.namespace in term.namespaces
        )

    asked = group.asked
    changed = msgspec.structs.replace(
        asked, affinity=own(asked.affinity), anti_affinity=own(asked.anti_affinity)
    )
    return msgspec.structs.replace(group, asked=changed)


def _without_namespace(data: Fit) -> Fit:
    """Return an answer that says that nothing was looked at in the pods' namespace."""
    return _unchecked(data, NAMESPACE)


def _unchecked(data: Fit, what: str) -> Fit:
    return {**data, "complete": False, "not_checked": [*dict.fromkeys((*data["not_checked"], what))]}


def without_names(
    data: Mapping[str, Any], *, nodes: bool = False, device_class: str | None = None
) -> Mapping[str, Any]:
    """Return an answer, of this Lens or of a peer, without what names others' namespaces, and maybe nodes.

    Of a peer's only what is known here is kept. A taint's value may be a team's name, and so may a class: the
    ``device_class`` that was asked for alone is named.
    """
    of_nodes = () if nodes else ("placements",), () if nodes else ("node_names",)
    evictable = data.get("evictable")
    return {
        **_known(data, Fit),
        "device_class": device_class,
        "pods": [
            {
                **_known(pods, FitPods, *of_nodes[0]),
                "reasons": [_known(each, FitReason, *of_nodes[1]) for each in pods["reasons"]],
            }
            for pods in data["pods"]
        ],
        "nearest": [_known(each, FitAlternative) for each in data["nearest"] if each["change"] in _NAMELESS],
        "evictable": evictable and _known(evictable, FitEvictable, "namespaces"),
    }


def _known(value: Mapping[str, Any], kind: type, *names: str) -> dict[str, Any]:
    return {field: value[field] for field in kind.__annotations__ if field in value and field not in names}


def _data(
    params: FitParameters,
    view: StateView,
    now: float,
    found: Answer,
    kind: Kind,
) -> Fit:
    evictable: FitEvictable | None = None
    if found.evictable is not None:
        evictable = {
            "gpus": found.evictable.gpus,
            "pods": found.evictable.pods,
            "fits": found.evictable.fits,
            "protected_pods": found.evictable.protected,
            "fits_within_budgets": found.evictable.fits_within_budgets,
            "namespaces": dict(found.evictable.namespaces),
        }
    return {
        "cluster": params.cluster,
        "timestamp": timestamps.render(int(view.current_at)),
        "age_seconds": round(view.age(now), 1),
        "fits": found.fits,
        "complete": found.complete,
        "not_checked": list(found.not_checked),
        "replicas": found.replicas,
        "placed": found.placed,
        "max_replicas": found.max_replicas,
        "resource": kind.resource,
        "device_class": kind.device_class,
        "pods": [_pods(each, found.quota) for each in found.groups],
        "quota": None if found.quota is None else _quota(found.quota),
        "nearest": [
            {"change": each.change, "value": each.value, "gpus": each.gpus, "replicas": each.replicas}
            for each in found.nearest
        ],
        "evictable": evictable,
    }


def _pods(each: GroupResult, quota: QuotaResult | None) -> FitPods:
    result = each.result
    samples = each.samples
    reasons = [
        reason_row(reason, samples.get(reason.message, ()) if samples else None) for reason in result.reasons
    ]
    if quota is not None:
        messages = [quota_message(use) for use in quota.exceeded]
        messages += [quota.refusal] if quota.refusal is not None else []
        reasons = [*map(_quota_reason, messages), *reasons]
    placements = sorted(result.placements, key=lambda place: (-place.replicas, place.node))
    return {
        "name": each.name,
        "fits": result.fits,
        "replicas": result.replicas,
        "placed": result.placed,
        "reasons": reasons,
        "message": result.message,
        "placements": [
            {
                "node_name": place.node,
                "replicas": place.replicas,
                "devices": list(place.devices[:MOST_DEVICES]),
            }
            for place in placements[:MOST_PLACEMENTS]
        ],
    }


def reason_row(reason: Reason, node_names: Sequence[str] | None) -> FitReason:
    """Return one reason, with the names of some of its nodes where they may be seen."""
    lacks = None
    if reason.asked is not None and reason.most_free is not None:
        lacks = max(0, reason.asked - reason.most_free)
    found: FitReason = {
        "code": reason.code,
        "message": reason.message,
        "nodes": reason.nodes,
        "resource": reason.resource,
        "asked": reason.asked,
        "most_free": reason.most_free,
        "short_by": lacks,
    }
    if node_names is not None:
        found["node_names"] = list(node_names)
    return found


def _quota_reason(message: str) -> FitReason:
    return {
        "code": "quota",
        "message": message,
        "nodes": 0,
        "resource": None,
        "asked": None,
        "most_free": None,
        "short_by": None,
    }


def _quota(quota: QuotaResult) -> list[FitQuotaUse]:
    return [
        {
            "quota": use.quota,
            "resource": use.resource,
            "hard": use.hard,
            "used": use.used,
            "asked": use.asked,
            "exceeded": use in quota.exceeded,
        }
        for use in quota.uses
    ]
