"""Replaces names, equal ones by equal ones."""

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from typing import Literal

from lens.model.fit.spec.ports import ANY_ADDRESS
from lens.model.fit.spec.selectors import integer
from lens.model.k8s.gpu_resources import CLASS_PREFIX
from lens.model.k8s.vendors import VENDORS

Kind = Literal["node", "namespace", "key", "value", "resource", "address"]

DeviceKind = Literal[
    "attribute",
    "capacity",
    "claim",
    "class",
    "counter",
    "counter-set",
    "device",
    "driver",
    "pool",
    "request",
    "slice",
    "value",
]
"""Names in objects of resource.k8s.io. None is kept, and none is a name of another kind."""

_DOMAINS = ("kubernetes.io", "k8s.io", "x-k8s.io")
"""The prefixes and domains of Kubernetes' own names."""

_CLASSES = CLASS_PREFIX.removesuffix("/")
_OF_USERS = ("node-role.kubernetes.io", "node-restriction.kubernetes.io", _CLASSES)
"""Prefixes among them below which users choose names: roles, labels that a kubelet can't set,
DeviceClasses."""

_NAMED_BY: Mapping[str, Kind] = {"kubernetes.io/metadata.name": "namespace", "kubernetes.io/hostname": "node"}
"""Labels whose values are names, which may look like numbers."""

_FIRST_ADDRESS = IPv4Address("198.18.0.0")
"""The network for benchmarks (RFC 2544), which no cluster uses."""

_KEPT = frozenset({"", "true", "false", "metadata.name", ANY_ADDRESS})


class Names:
    """Replaces the names that users chose. Names that any cluster may have stay, and so do numbers."""

    def __init__(self, *, keep: bool = False) -> None:
        """Start without any. ``keep``: replace nothing."""
        self.keep = keep
        self._known: dict[str, str] = {}
        self._of_devices: dict[tuple[DeviceKind, str], str] = {}
        self._numbers: Counter[str] = Counter()

    def of(self, kind: Kind, name: str) -> str:
        """Return the name in place of one."""
        if self.keep or name in _KEPT or _is_common(kind, name):
            return name
        if kind == "resource" and name.startswith(CLASS_PREFIX):
            return CLASS_PREFIX + self.of_device("class", name.removeprefix(CLASS_PREFIX))
        # A node's name is also a label's value, and has to stay equal to it.
        found = self._known.get(name)
        if found is None:
            self._numbers[kind] += 1
            found = f"{kind}-{self._numbers[kind]}"
            if kind == "resource":
                found = f"example.com/{found}"
            elif kind == "address":
                found = str(_FIRST_ADDRESS + self._numbers[kind])
            self._known[name] = found
        return found

    def of_device(self, kind: DeviceKind, name: str) -> str:
        """Return the name in place of one. They are in the order in which they are first asked for."""
        if self.keep or not name:
            return name
        found = self._of_devices.get((kind, name))
        if found is None:
            self._numbers[kind] += 1
            found = self._of_devices[kind, name] = f"{kind}-{self._numbers[kind]:05}"
        return found

    def of_label(self, key: str, value: str) -> str:
        """Return the name in place of a label's value."""
        return self.of(_NAMED_BY.get(key, "value"), value)


def _is_common(kind: Kind, name: str) -> bool:
    if kind == "value":
        return integer(name) is not None
    domain, slash, _ = name.rpartition("/")
    if kind == "resource":
        return not slash or domain in _VENDORS or _is_kubernetes(domain)
    return kind == "key" and bool(slash) and (domain in _VENDORS or _is_kubernetes(domain))


def _is_kubernetes(domain: str) -> bool:
    return _is_below(domain, _DOMAINS) and not _is_below(domain, _OF_USERS)


def _is_below(domain: str, domains: Iterable[str]) -> bool:
    return any(domain == each or domain.endswith(f".{each}") for each in domains)


_VENDORS = frozenset(
    pattern.removeprefix("!").rpartition("/")[0] for vendor in VENDORS for pattern in vendor.resources
)
