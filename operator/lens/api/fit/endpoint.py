"""``/api/v1/realtime/fit``: whether pods would be scheduled now."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from lens.api.errors import ApiError
from lens.api.fit.product_selectors import of_product, product_values
from lens.api.fit.response import fit_response
from lens.api.fit.visibility import (
    NAMESPACES,
    selects_other_namespaces,
    with_unchecked,
    within_namespace,
    without_namespace,
)
from lens.api.manifests import ManifestError, read_manifests
from lens.api.parameters.fit import FitParameters, FitQuery
from lens.api.parameters.names import is_dns_label
from lens.api.schemas.fit import Fit
from lens.model.cluster_state import StateView
from lens.model.fit.admission.workloads.pod_group import PodGroup
from lens.model.fit.admission.workloads.workload import NO_BUNDLED_OBJECTS, BundledObjects, read_workload
from lens.model.fit.answer.answer import Answer, Options, answer
from lens.model.fit.answer.asked_group import AskedGroup, read_group
from lens.model.fit.answer.own_objects import with_own_objects
from lens.model.fit.deadline import Check, deadline
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ClaimSpec, DeviceRequest, SubRequest
from lens.model.fit.spec.tolerations import Toleration
from lens.model.fit.state import Fleet
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy, Tolerated
from lens.model.k8s.vendors import PRODUCT_LABELS, VENDORS, PartitionModes, ReplicasAndMig, product_named

MAX_SECONDS = 0.5
"""How long alternatives are searched for."""

LONGEST_SECONDS = 3.0
"""The deadline of a question. The most costly reasonable ones take a third of it."""

DEFAULT_RESOURCE = VENDORS[0].resources[0]
"""The resource of a GET if no node has whole GPUs."""

MAX_PRODUCTS = 8

DEFAULT_NAMESPACE = "default"


class Kind(NamedTuple):
    """The request of a GET's pods: a resource, or devices of a class."""

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

    def answer_query(self, view: StateView, params: FitQuery, now: float) -> Fit:
        """Answer a GET. As capacity it is answered without its namespace, by nodes alone."""
        if params.view is not None and params.namespace is not None:
            return without_namespace(
                self.answer_query(view, params.model_copy(update={"namespace": None}), now)
            )
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
        return fit_response(params, view, now, found, chosen.resource, chosen.device_class)

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

    def answer_manifest(
        self,
        view: StateView,
        params: FitParameters,
        body: bytes,
        now: float,
        *,
        sees_others: bool = True,
    ) -> Mapping[str, Any]:
        """Answer a POST; as capacity without what depends on its namespace.

        Where its pods choose by pods of other namespaces, the answer would reveal whether those exist: who
        doesn't see others gets one without these rules. Raise an ApiError, 400, for what isn't a workload.
        """
        try:
            workload = read_workload(read_manifests(body))
            namespace: str | None = _namespace(params.namespace, workload.namespace)
            if params.view is not None:
                namespace = None
            fit = with_own_objects(view.fit, workload.bundled, namespace or "")
            groups = [read_group(each, namespace or "", fit, workload.bundled) for each in workload.groups]
            beyond = not sees_others and any(
                selects_other_namespaces(each.asked, namespace) for each in groups
            )
            if params.view is not None or beyond:
                groups = [within_namespace(each) for each in groups]
        except (ManifestError, ValueError) as error:
            raise ApiError(400, 4000, f"Invalid manifest: {error}") from None
        view = msgspec.structs.replace(view, fit=fit)
        found = self._about(view, groups, namespace, None, deadline(self._clock, LONGEST_SECONDS))
        data = fit_response(params, view, now, found)
        if params.view is not None:
            return without_namespace(data)
        return with_unchecked(data, NAMESPACES) if beyond else data

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
        until = self._clock() + MAX_SECONDS
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
        """Return the kinds of GPUs to try, those with the most GPUs first, and then those of claims.

        Only the time for a question limits how many are tried: one that isn't may be the one that fits.
        """
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
            # A resource that a class serves is tried both ways.
            if each.gpus and not each.extended_resource:
                found.append(Kind(device_class=each.name))
            elif each.gpus and each.extended_resource not in allocatable:
                found.append(Kind(each.extended_resource))
        # Without any, a pod that requests one fits nowhere.
        return found or (Kind(DEFAULT_RESOURCE),)

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
        bundled = NO_BUNDLED_OBJECTS
        if kind.device_class is not None and params.gpus:
            spec["resourceClaims"] = [{"name": "gpus", "resourceClaimTemplateName": "gpus"}]
            devices = SubRequest("gpus", kind.device_class, count=params.gpus)
            claim = ClaimSpec((DeviceRequest("gpus", (devices,)),))
            bundled = BundledObjects(templates={"gpus": claim})
        template = {"spec": spec}
        try:
            group = read_group(
                PodGroup("Pod", "", template, params.replicas), params.namespace or "", view.fit, bundled
            )
        except ValueError as error:
            raise ApiError(400, 4000, f"Invalid parameter: {error}") from None
        asked = group.asked
        if params.priority is not None:
            asked = msgspec.structs.replace(asked, priority=params.priority)
        if params.product is not None:
            asked = of_product(params.product, product_values(view.fit.fleet), asked)
        tolerations = (*asked.tolerations, *self._tolerations(view.fit.fleet))
        asked = msgspec.structs.replace(asked, tolerations=tolerations)
        return msgspec.structs.replace(group, asked=asked)

    def _tolerations(self, fleet: Fleet) -> Iterable[Toleration]:
        """Return tolerations of all taints that GPU pods are assumed to tolerate."""
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
        values = product_values(fleet)
        nodes: Counter[str] = Counter()
        for (label, value), number in values.items():
            product = product_named(label, value)
            if product and product not in wanted:
                nodes[product] += number
        ordered = sorted(nodes.items(), key=lambda item: (-item[1], item[0]))
        return {name: partial(of_product, name, values) for name, _ in ordered[:MAX_PRODUCTS]}


_GPUS = frozenset(
    vendor.sharing.gpu for vendor in VENDORS if isinstance(vendor.sharing, ReplicasAndMig | PartitionModes)
)
"""The resources of GPUs that may be shared under the same name; others that are shared are of parts."""


def _rank(found: Answer) -> tuple[int, int]:
    """Return the sort key of the answers about single resources: the result is "no" only if all are."""
    return ("no", "unknown", "yes").index(found.fits), found.placed


def _namespace(wanted: str | None, named: str | None) -> str:
    if wanted is not None and named not in (None, wanted):
        raise ValueError("metadata.namespace: it isn't the parameter's namespace")
    if named is not None and not is_dns_label(named):
        raise ValueError("metadata.namespace: it isn't a DNS label")
    return wanted or named or DEFAULT_NAMESPACE


def _toleration(text: str) -> dict[str, str]:
    wanted = Tolerated.parse(text)
    operator = "Exists" if wanted.value is None else "Equal"
    return {
        "key": wanted.key,
        "operator": operator,
        "value": wanted.value or "",
        "effect": wanted.effect or "",
    }
