"""The objects that admission and quotas read, as the apiserver writes them."""

import msgspec

from lens.model.k8s.objects import Manifest, ObjectMeta
from lens.model.k8s.quantity import Quantity


class NamespaceStatus(Manifest):
    """A Namespace's ``status``."""

    phase: str | None = None


class NamespaceManifest(Manifest):
    """A Namespace (core/v1)."""

    metadata: ObjectMeta
    status: NamespaceStatus = msgspec.field(default_factory=NamespaceStatus)


class LimitManifest(Manifest):
    """A LimitRangeItem (core/v1)."""

    type: str = ""
    default: dict[str, Quantity] | None = None
    default_request: dict[str, Quantity] | None = None
    min: dict[str, Quantity] | None = None
    max: dict[str, Quantity] | None = None
    max_limit_request_ratio: dict[str, Quantity] | None = None


class LimitRangeSpec(Manifest):
    """A LimitRange's ``spec``."""

    limits: list[LimitManifest] | None = None


class LimitRangeManifest(Manifest):
    """A LimitRange (core/v1)."""

    metadata: ObjectMeta
    spec: LimitRangeSpec = msgspec.field(default_factory=LimitRangeSpec)


class ScopeRequirement(Manifest):
    """A ScopedResourceSelectorRequirement (core/v1)."""

    scope_name: str = ""
    operator: str = ""
    values: list[str] | None = None


class ScopeSelector(Manifest):
    """A ScopeSelector (core/v1)."""

    match_expressions: list[ScopeRequirement] | None = None


class QuotaSpec(Manifest):
    """A ResourceQuota's ``spec``."""

    hard: dict[str, Quantity] | None = None
    scopes: list[str] | None = None
    scope_selector: ScopeSelector | None = None


class QuotaStatus(Manifest):
    """A ResourceQuota's ``status``."""

    hard: dict[str, Quantity] | None = None
    used: dict[str, Quantity] | None = None


class QuotaManifest(Manifest):
    """A ResourceQuota (core/v1)."""

    metadata: ObjectMeta
    spec: QuotaSpec = msgspec.field(default_factory=QuotaSpec)
    status: QuotaStatus = msgspec.field(default_factory=QuotaStatus)


class OverheadManifest(Manifest):
    """A RuntimeClass's ``overhead``."""

    pod_fixed: dict[str, Quantity] | None = None


class SchedulingManifest(Manifest):
    """A RuntimeClass's ``scheduling``."""

    node_selector: dict[str, str] | None = None
    tolerations: list[dict[str, str | int | None]] | None = None


class RuntimeClassManifest(Manifest):
    """A RuntimeClass (node.k8s.io/v1)."""

    metadata: ObjectMeta
    overhead: OverheadManifest | None = None
    scheduling: SchedulingManifest | None = None


class PriorityClassManifest(Manifest):
    """A PriorityClass (scheduling.k8s.io/v1)."""

    metadata: ObjectMeta
    value: int = 0
    global_default: bool | None = None
    preemption_policy: str | None = None


class BudgetSpec(Manifest):
    """A PodDisruptionBudget's ``spec``."""

    selector: msgspec.Raw = msgspec.Raw()


class BudgetStatus(Manifest):
    """A PodDisruptionBudget's ``status``."""

    disruptions_allowed: int = 0


class BudgetManifest(Manifest):
    """A PodDisruptionBudget (policy/v1)."""

    metadata: ObjectMeta
    spec: BudgetSpec = msgspec.field(default_factory=BudgetSpec)
    status: BudgetStatus = msgspec.field(default_factory=BudgetStatus)
