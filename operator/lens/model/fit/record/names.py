"""Names in place of others: the same one for the same, so that what is equal stays equal."""

from collections import Counter
from typing import Literal

from lens.model.fit.spec.selectors import integer
from lens.model.k8s.vendors import VENDORS

Kind = Literal["node", "namespace", "key", "value", "resource"]

_DOMAINS = ("kubernetes.io", "k8s.io", "x-k8s.io")
"""What begins with these, or a domain of theirs, is Kubernetes' own."""

_KEPT = frozenset({"", "true", "false", "metadata.name"})


class Names:
    """Replaces names of the users' own; those that any cluster may have stay, and so do numbers."""

    def __init__(self, *, keep: bool = False) -> None:
        """Start without any. ``keep``: replace nothing."""
        self._keep = keep
        self._known: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()

    def of(self, kind: Kind, name: str) -> str:
        """Return the name in place of one."""
        if self._keep or name in _KEPT or _is_common(kind, name):
            return name
        # A node's name is also a label's value, and has to stay equal to it.
        found = self._known.get(name)
        if found is None:
            self._numbers[kind] += 1
            found = f"{kind}-{self._numbers[kind]}"
            if kind == "resource":
                found = f"example.com/{found}"
            self._known[name] = found
        return found


def _is_common(kind: Kind, name: str) -> bool:
    if kind == "value":
        return integer(name) is not None
    domain, slash, _ = name.rpartition("/")
    if kind == "resource":
        return not slash or domain in _VENDORS or _is_kubernetes(domain)
    return kind == "key" and bool(slash) and (domain in _VENDORS or _is_kubernetes(domain))


def _is_kubernetes(domain: str) -> bool:
    return any(domain == each or domain.endswith(f".{each}") for each in _DOMAINS)


_VENDORS = frozenset(
    pattern.removeprefix("!").rpartition("/")[0] for vendor in VENDORS for pattern in vendor.resources
)
