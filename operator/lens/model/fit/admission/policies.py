"""What admission adds to a pod, and the quotas of its namespace, as they are stored."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

import msgspec

from lens.model.fit.spec.selectors import Selector, SelectorManifest, UnparsableError, read_selector
from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.objects.pod import PodKey
from lens.model.k8s.bounds import MAX_FIT_RESOURCES, MAX_LABELS, MAX_TERMS, MAX_VALUES
from lens.model.k8s.dra.entries import read_or_none
from lens.model.k8s.node_selection import LabelRequirement
from lens.model.k8s.policy_objects import (
    BudgetManifest,
    LimitManifest,
    LimitRangeManifest,
    NamespaceManifest,
    PriorityClassManifest,
    QuotaManifest,
    RuntimeClassManifest,
)
from lens.model.k8s.quantity import Exact, Quantity, parse

Quantities = dict[str, Quantity]

_NODE_SELECTOR = "openshift.io/node-selector"
"""The annotation of a project whose pods get a node selector (openshift/kubernetes, nodeenv/admission.go)."""

_annotations = msgspec.json.Decoder(dict[str, str] | None)

K = TypeVar("K")
V = TypeVar("V")


class Namespace(msgspec.Struct, frozen=True):
    """A Namespace: its labels, whether it is being deleted, and the node selector of an OpenShift project."""

    labels: dict[str, str]
    terminating: bool = False
    node_selector: dict[str, str] = {}


class Limits(msgspec.Struct, frozen=True, gc=False):
    """What a LimitRange says of containers or pods (``type``): defaults and bounds, by resource.

    ``ratio`` bounds limits, in so many times the requests.
    """

    type: str
    default: Quantities
    default_request: Quantities
    min: Quantities
    max: Quantities
    ratio: Quantities = {}


class Scope(msgspec.Struct, frozen=True, gc=False):
    """Which pods a quota counts."""

    name: str
    operator: str = "Exists"
    values: tuple[str, ...] = ()


class Quota(msgspec.Struct, frozen=True, gc=False):
    """A ResourceQuota: what a namespace may have, and what it has, by the quota's names of resources."""

    hard: dict[str, Exact]
    used: dict[str, Exact]
    scopes: tuple[Scope, ...] = ()


class RuntimeClass(msgspec.Struct, frozen=True, gc=False):
    """A RuntimeClass: the overhead of its pods, and the nodes that they may go to."""

    overhead: Quantities
    node_selector: dict[str, str]
    tolerations: tuple[dict[str, str | int | None], ...]


class PriorityClass(msgspec.Struct, frozen=True, gc=False):
    """A PriorityClass."""

    value: int
    is_default: bool
    preemption_policy: str


class Budget(msgspec.Struct, frozen=True, gc=False):
    """A PodDisruptionBudget: how many more of the pods that it selects may be evicted now.

    A selector of None selects nothing.
    """

    selector: Selector | None
    allowed: int


class Policies(msgspec.Struct, frozen=True):
    """All of them at one moment; None for a resource whose objects aren't known.

    ``namespaces`` has the labels of each, and ``terminating`` the names of those that are being deleted.
    ``node_selectors`` are those of namespaces that have one, as OpenShift's projects.
    """

    namespaces: Mapping[str, Mapping[str, str]] | None = None
    limit_ranges: Mapping[PodKey, tuple[Limits, ...]] | None = None
    quotas: Mapping[PodKey, Quota] | None = None
    runtime_classes: Mapping[str, RuntimeClass] | None = None
    priority_classes: Mapping[str, PriorityClass] | None = None
    budgets: Mapping[PodKey, Budget] | None = None
    terminating: frozenset[str] = frozenset()
    node_selectors: Mapping[str, Mapping[str, str]] = {}


class SharedObjects(Generic[K, V]):
    """The objects of one resource. It has one writer; other threads get copies."""

    def __init__(self) -> None:
        """Start empty."""
        self.objects: dict[K, V] = {}
        self._copy: dict[K, V] | None = {}

    def put(self, key: K, value: V | None) -> None:
        """Store an object; None removes it."""
        self._copy = None
        if value is None:
            self.objects.pop(key, None)
        else:
            self.objects[key] = value

    def copy(self) -> Mapping[K, V]:
        """Return all objects; the same mapping as before if none has changed."""
        if self._copy is None:
            self._copy = dict(self.objects)
        return self._copy


def namespace_decoder() -> Decoder[str, Namespace]:
    """Return a decoder of Namespaces."""
    return Decoder(NamespaceManifest, _read_namespace, _name)


def limit_range_decoder() -> Decoder[PodKey, tuple[Limits, ...]]:
    """Return a decoder of LimitRanges."""
    return Decoder(LimitRangeManifest, _read_limits, PodKey)


def quota_decoder() -> Decoder[PodKey, Quota]:
    """Return a decoder of ResourceQuotas."""
    return Decoder(QuotaManifest, _read_quota, PodKey)


def runtime_class_decoder() -> Decoder[str, RuntimeClass]:
    """Return a decoder of RuntimeClasses."""
    return Decoder(RuntimeClassManifest, _read_runtime_class, _name)


def priority_class_decoder() -> Decoder[str, PriorityClass]:
    """Return a decoder of PriorityClasses."""
    return Decoder(PriorityClassManifest, _read_priority_class, _name)


def budget_decoder() -> Decoder[PodKey, Budget]:
    """Return a decoder of PodDisruptionBudgets."""
    return Decoder(BudgetManifest, _read_budget, PodKey)


def _name(_namespace: str, name: str) -> str:
    return name


def _read_namespace(manifest: NamespaceManifest) -> Namespace:
    labels = manifest.metadata.labels or {}
    if len(labels) > MAX_LABELS:
        raise ValueError(f"metadata.labels: {len(labels)} are more than {MAX_LABELS}")
    return Namespace(
        labels, manifest.status.phase == "Terminating", _project_node_selector(manifest.metadata.annotations)
    )


def _project_node_selector(annotations: msgspec.Raw) -> dict[str, str]:
    """Return the node selector in a namespace's annotations; empty if it can't be read."""
    if _NODE_SELECTOR.encode() not in bytes(annotations):
        return {}
    text = read_or_none(_annotations, annotations) or {}
    try:
        pairs = [LabelRequirement.parse(each.strip()) for each in text.get(_NODE_SELECTOR, "").split(",")]
    except ValueError:
        return {}
    return {each.key: each.value for each in pairs[:MAX_TERMS] if each.value is not None and not each.negated}


def _read_limits(manifest: LimitRangeManifest) -> tuple[Limits, ...]:
    limits = manifest.spec.limits or []
    if len(limits) > MAX_TERMS:
        raise ValueError(f"spec.limits: {len(limits)} are more than {MAX_TERMS}")
    return tuple(_read_limit(each) for each in limits if each.type in ("Container", "Pod"))


def _read_limit(each: LimitManifest) -> Limits:
    return Limits(
        each.type,
        _checked("default", each.default),
        _checked("defaultRequest", each.default_request),
        _checked("min", each.min),
        _checked("max", each.max),
        _checked("maxLimitRequestRatio", each.max_limit_request_ratio),
    )


def _checked(field: str, quantities: Quantities | None) -> Quantities:
    """Return quantities as they are written. Raise ValueError if one can't be read."""
    _parsed(field, quantities)
    return quantities or {}


def _parsed(field: str, quantities: Quantities | None) -> dict[str, Exact]:
    if len(quantities or ()) > MAX_FIT_RESOURCES:
        raise ValueError(f"{field}: more than {MAX_FIT_RESOURCES} resources")
    try:
        return {name: parse(quantity) for name, quantity in (quantities or {}).items()}
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def _read_quota(manifest: QuotaManifest) -> Quota:
    # The apiserver compares with the status, which the quota controller writes.
    hard = manifest.spec.hard if manifest.status.hard is None else manifest.status.hard
    return Quota(
        _parsed("hard", hard), _parsed("status.used", manifest.status.used), tuple(_scopes(manifest))
    )


def _scopes(manifest: QuotaManifest) -> Iterator[Scope]:
    spec = manifest.spec
    expressions = (spec.scope_selector and spec.scope_selector.match_expressions) or []
    if len(spec.scopes or ()) + len(expressions) > MAX_TERMS:
        raise ValueError(f"spec.scopes: more than {MAX_TERMS}")
    for name in spec.scopes or ():
        yield Scope(name)
    for each in expressions:
        if len(each.values or ()) > MAX_VALUES:
            raise ValueError(f"spec.scopeSelector: more than {MAX_VALUES} values")
        yield Scope(each.scope_name, each.operator, tuple(each.values or ()))


def _read_runtime_class(manifest: RuntimeClassManifest) -> RuntimeClass:
    overhead = manifest.overhead.pod_fixed if manifest.overhead is not None else None
    scheduling = manifest.scheduling
    tolerations = (scheduling and scheduling.tolerations) or []
    if len(tolerations) > MAX_TERMS:
        raise ValueError(f"scheduling.tolerations: {len(tolerations)} are more than {MAX_TERMS}")
    return RuntimeClass(
        _checked("overhead.podFixed", overhead),
        (scheduling and scheduling.node_selector) or {},
        tuple(tolerations),
    )


def _read_priority_class(manifest: PriorityClassManifest) -> PriorityClass:
    return PriorityClass(
        manifest.value,
        bool(manifest.global_default),
        manifest.preemption_policy or "PreemptLowerPriority",
    )


def _read_budget(manifest: BudgetManifest) -> Budget:
    spec = manifest.spec
    selector: SelectorManifest | None = None
    if spec.selector:
        try:
            selector = _read_selector_manifest(spec.selector)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"spec.selector: {error}") from None
    try:
        read = read_selector(selector)
    except UnparsableError:
        # For the scheduler a selector that can't be parsed selects nothing.
        read = None
    except ValueError as error:
        raise ValueError(f"spec.selector: {error}") from None
    return Budget(read, manifest.status.disruptions_allowed)


_read_selector_manifest = msgspec.json.Decoder(SelectorManifest | None).decode
