"""Parameters of fit: a pod, of which the API asks whether it would be scheduled now."""

import re
from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lens.api.errors import invalid_parameter
from lens.api.parameters.cluster import ClusterParameters, View
from lens.api.parameters.names import (
    MAX_NAME,
    MAX_OBJECT,
    NAME_SCHEMA,
    NON_EMPTY_SCHEMA,
    DnsName,
    Namespace,
    Product,
)
from lens.api.parameters.numbers import in_range, integer_schema
from lens.model.fit.spec.resources import is_extended
from lens.model.k8s.bounds import MAX_TERMS
from lens.model.k8s.quantity import parse as parse_quantity
from lens.model.k8s.taints import REPELLING_EFFECTS, Tolerated

_LABEL = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
    r"=(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
    re.ASCII,
)
MAX_GPUS = 1024
MAX_REPLICAS = 10_000
_PRIORITIES = (-(2**31), 2**31 - 1)


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("is not a label: key=value")
    return text


_NO_TAINT = f"is not a taint: key[=value][:effect], with the effect {' or '.join(sorted(REPELLING_EFFECTS))}"


def _toleration(text: str) -> str:
    if len(text) > MAX_OBJECT:
        raise ValueError(f"is longer than {MAX_OBJECT} characters")
    try:
        toleration = Tolerated.parse(text)
    except ValueError:
        raise ValueError(_NO_TAINT) from None
    if not _LABEL.fullmatch(f"{toleration.key}={toleration.value or ''}"):
        raise ValueError(_NO_TAINT)
    return text


def _resource(text: str) -> str:
    if not is_extended(text):
        raise ValueError("is not an extended resource, such as nvidia.com/gpu")
    return text


def _amount(text: str) -> str:
    if not _is_amount(text):
        raise ValueError("is not a quantity from 0")
    return text


def _is_amount(text: str) -> bool:
    try:
        return len(text) <= MAX_NAME and parse_quantity(text) >= 0
    except ValueError:
        return False


class FitParameters(ClusterParameters):
    """The cluster, the pods' namespace, and how much of the answer is shown."""

    namespace: Namespace | None = Field(
        default=None,
        description="The pods' namespace, whose LimitRanges and ResourceQuotas apply; a permission in it "
        "is enough. Without it a GET checks only the nodes, and a POST takes the manifest's "
        "namespace.",
    )
    view: View | None = Field(
        default=None,
        description="capacity: only the cluster's capacity, and so without the namespace's quotas.",
    )

    @property
    def scope(self) -> str | None:
        """Return the namespace."""
        return self.namespace


class FitRecordParameters(ClusterParameters):
    """The cluster, and whether names are replaced."""

    anonymous: Literal["true", "false"] = Field(
        default="false",
        description="Replace the names of nodes, namespaces, labels and resources that are the users' own.",
    )


class FitQuery(FitParameters):
    """The cluster, and a pod that requests GPUs and tolerates the usual taints of GPU nodes."""

    gpus: Annotated[int, in_range(0, MAX_GPUS), integer_schema(0, MAX_GPUS)] = Field(
        default=1, description="The GPUs of each pod."
    )
    replicas: Annotated[int, in_range(1, MAX_REPLICAS), integer_schema(1, MAX_REPLICAS)] = Field(
        default=1, description="The number of pods."
    )
    product: Product | None = Field(
        default=None,
        description="The GPUs' product, as the nodes' labels name it; products of status has all of them.",
    )
    resource: Annotated[str, AfterValidator(_resource), NAME_SCHEMA] | None = Field(
        default=None,
        description="The extended resource of the GPUs, such as nvidia.com/gpu. Without it Lens tries "
        "each resource of whole GPUs, the one with the most GPUs first, and takes the first "
        "that fits.",
    )
    device_class: DnsName | None = Field(
        default=None, description="The DeviceClass of the GPUs, instead of a resource."
    )
    cpu: Annotated[str, AfterValidator(_amount), NON_EMPTY_SCHEMA] | None = Field(
        default=None, description="The CPU that each pod requests, such as 500m."
    )
    memory: Annotated[str, AfterValidator(_amount), NON_EMPTY_SCHEMA] | None = Field(
        default=None, description="The memory that each pod requests, such as 64Gi."
    )
    priority: Annotated[int | None, in_range(*_PRIORITIES), integer_schema(*_PRIORITIES)] = Field(
        default=None, description="The pods' priority; by default that of the default PriorityClass, or 0."
    )
    selector: frozenset[Annotated[str, AfterValidator(_label)]] = Field(
        default=frozenset(),
        description="Labels that nodes must have, as key=value; repeat it or separate by commas.",
    )
    tolerations: frozenset[Annotated[str, AfterValidator(_toleration)]] = Field(
        default=frozenset(),
        description="Further taints that the pods tolerate, as key[=value][:effect]; repeat it or separate "
        "by commas.",
    )

    def check(self, given: Collection[str]) -> None:
        """Raise an ApiError for a DeviceClass with a resource, and for too many labels or tolerations."""
        if self.device_class is not None and self.resource is not None:
            raise invalid_parameter("device_class and resource are alternatives")
        for name, values in (("selector", self.selector), ("tolerations", self.tolerations)):
            if len(values) > MAX_TERMS:
                raise invalid_parameter(f"{name} is given more than {MAX_TERMS} times")
        if len({label.partition("=")[0] for label in self.selector}) < len(self.selector):
            raise invalid_parameter("selector has two values for one label")
