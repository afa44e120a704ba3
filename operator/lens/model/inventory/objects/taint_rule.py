"""A DeviceTaintRule as the ledger stores it: a taint, and the devices that it is for."""

from sys import intern

import msgspec

from lens.model.k8s.bounds import LONGEST_NAME, LONGEST_RESOURCE, short
from lens.model.k8s.dra.devices import DeviceTaintManifest
from lens.model.k8s.dra.objects import TaintRuleManifest
from lens.model.k8s.taints import Taint

SELECTOR_NOT_EVALUATED = "SELECTOR_NOT_EVALUATED"
"""The rule selects by class or CEL expressions (v1alpha3), which only the scheduler evaluates."""


class TaintRule(msgspec.Struct, frozen=True, gc=False):
    """A DeviceTaintRule. ``driver``, ``pool`` and ``device`` limit its devices; None is any.

    ``not_applied`` says why it has no effect on the figures; None if it has one. A rule without a selector is
    for no device.
    """

    name: str
    taint: Taint
    driver: str | None = None
    pool: str | None = None
    device: str | None = None
    selects: bool = True
    not_applied: str | None = None

    def matches_pool(self, driver: str, pool: str) -> bool:
        """Return whether the rule is for devices of a pool."""
        return (
            self.selects
            and self.not_applied is None
            and self.driver in (None, driver)
            and self.pool in (None, pool)
        )


def read_taint_rule(manifest: TaintRuleManifest) -> TaintRule:
    """Return a rule."""
    selector = manifest.spec.device_selector
    name, taint = intern(manifest.metadata.name), read_taint(manifest.spec.taint)
    if selector is None:
        return TaintRule(name, taint, selects=False)
    odd = selector.device_class_name is not None or bool(selector.selectors)
    return TaintRule(
        name,
        taint,
        _name(selector.driver),
        _name(selector.pool),
        _name(selector.device),
        not_applied=SELECTOR_NOT_EVALUATED if odd else None,
    )


def read_taint(manifest: DeviceTaintManifest) -> Taint:
    """Return a device's taint."""
    return Taint(
        intern(short(manifest.key, LONGEST_RESOURCE)),
        manifest.value and intern(short(manifest.value)),
        intern(short(manifest.effect)),
    )


def _name(text: str | None) -> str | None:
    return None if text is None else intern(short(text, LONGEST_NAME + 1))
