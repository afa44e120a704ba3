"""Whether an allocated claim is ready to be bound, for figures and for a fit alike."""

import json

import pytest

from lens.model.fit.dra.objects import read_claim
from tests.unit.model import dra_manifests as dra
from tests.unit.model.manifests import Object


def _told(condition: str, **fields: str) -> Object:
    conditions = [{"type": condition, "status": "True", "reason": "x"}]
    return {
        "driver": dra.DRIVER,
        "pool": "node-1",
        "device": "gpu-0",
        "conditions": conditions if condition else [],
        **fields,
    }


@pytest.mark.parametrize(
    ("statuses", "waits", "failed"),
    [
        ([], True, False),
        ([_told("attached")], False, False),
        ([_told("attached", shareID="one")], False, False),
        ([_told("attached", shareID="other")], False, False),
        ([_told("attached", shareID="other"), _told("", shareID="one")], False, False),
        ([_told("", shareID="other"), _told("attached", shareID="one")], True, False),
        ([_told("broken", shareID="other"), _told("attached", shareID="one")], False, True),
        ([_told("attached", shareID="other"), _told("broken", shareID="one")], False, False),
    ],
)
def test_the_first_entry_of_a_device_decides_whatever_its_share(
    statuses: list[Object], *, waits: bool, failed: bool
) -> None:
    share = dra.result(
        "gpu-0", shareID="one", bindingConditions=["attached"], bindingFailureConditions=["broken"]
    )
    raw = dra.claim(share, status={"devices": statuses})
    (device,) = dra.read_claim(raw).devices
    counted = "attached" not in device.waits_for, device.failed == ("broken",)
    fit = read_claim(json.dumps(raw).encode())
    assert (fit.waits, fit.failed) == (waits, failed)
    assert counted == (not waits and not failed, failed)


def test_a_condition_may_be_as_long_as_a_qualified_name() -> None:
    named = [f"{'a' * 253}/{'b' * 62}{end}" for end in "12"]
    raw = dra.claim(
        dra.result("gpu-0", bindingConditions=named, bindingFailureConditions=named[:1]),
        status={"devices": [_told(named[0])]},
    )
    (device,) = dra.read_claim(raw).devices
    assert (device.waits_for, device.failed) == ((named[1],), (named[0],))
    assert [each.type for each in device.conditions] == [named[0]]


def test_each_share_has_its_own_conditions() -> None:
    raw = dra.claim(
        dra.result("gpu-0", shareID="one"),
        dra.result("gpu-0", shareID="two"),
        status={"devices": [_told("attached", shareID="one"), _told("broken", shareID="two")]},
    )
    shown = [[each.type for each in device.conditions] for device in dra.read_claim(raw).devices]
    assert shown == [["attached"], ["broken"]]
