"""A field of the wrong type, of every object that Lens watches, costs what it says and nothing else.

An object without what decides about it is left out, by name. Of everything else it is as if the odd field, or
the entry of a list that has it, weren't there. The neighbours in a list stay as they are.
"""

import json
import re
from typing import Any

import msgspec
import pytest

from lens.model.fit.admission.policies import namespace_decoder
from lens.model.fit.fit_store import (
    Unreadable,
    claim_for_fit,
    class_for_fit,
    node_for_fit,
    pod_for_fit,
    rule_for_fit,
    slice_for_fit,
    template_for_fit,
)
from lens.model.inventory.decoding.decoder import Decoder, Reading
from lens.model.inventory.decoding.documents import read_page
from lens.model.inventory.decoding.kinds import (
    bare_decoder,
    claim_decoder,
    daemonset_decoder,
    device_class_decoder,
    node_decoder,
    pod_decoder,
    slice_decoder,
    taint_rule_decoder,
)
from lens.model.inventory.objects.claim import Claim
from lens.model.inventory.objects.slice import Slice
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources
from tests.unit.model.inventory.objects import whole_objects as whole
from tests.unit.model.inventory.objects.whole_objects import Object, at, places, with_value, without

Place = tuple[Any, ...]

DEEP = b"[" * 5000 + b"]" * 5000
VALUES: tuple[Any, ...] = (
    7,
    1.5,
    True,
    "text",
    "x" * 5000,
    [],
    [None],
    {},
    {"a": None},
    10**400,
    "DEEP",
    "INVALID",
)

_resources = r"resources(\.(requests|limits))?"
_identity = r"metadata|metadata\.(name|namespace|resourceVersion)"
_containers = r"(containers|initContainers)(\.0|\.0\.resources(\.(requests|limits))?|\.0\.restartPolicy)?"
_statuses = rf"(containerStatuses|initContainerStatuses)(\.0|\.0\.(allocatedResources|{_resources}))?"
_amounts = r"\.nvidia\.com/gpu"

KINDS: dict[str, tuple[Object, Decoder[Any, Any], str]] = {
    "pod": (
        whole.POD,
        pod_decoder(GpuResources(), fit=pod_for_fit),
        rf"spec|status|spec\.nodeName|status\.phase|spec\.{_containers}|status\.{_statuses}"
        rf"|spec\.containers\.0\.resources\.(requests|limits){_amounts}"
        r"|spec\.overhead|(spec|status)\.resources(\.(requests|limits))?|status\.allocatedResources",
    ),
    "pending": (
        whole.PENDING,
        pod_decoder(GpuResources(), fit=pod_for_fit),
        rf"spec|status|status\.phase|spec\.{_containers}"
        rf"|spec\.containers\.0\.resources\.(requests|limits){_amounts}"
        r"|spec\.overhead|spec\.resources(\.(requests|limits))?",
    ),
    "node": (
        whole.NODE,
        node_decoder(GpuResources(), node_for_fit),
        rf"spec|status|spec\.(unschedulable|taints.*)|status\.(capacity|allocatable)({_amounts})?",
    ),
    "slice": (
        whole.SLICE,
        slice_decoder(GpuDrivers(), fit=slice_for_fit),
        r"spec(\.(driver|pool.*|nodeName|perDeviceNodeSelection))?",
    ),
    "claim": (
        whole.CLAIM,
        claim_decoder(GpuDrivers(), claim_for_fit),
        r"spec(\.devices)?|status(\.allocation(\.devices)?)?",
    ),
    "class": (
        whole.CLASS,
        device_class_decoder(GpuDrivers(), GpuResources(), class_for_fit),
        r"spec(\.extendedResourceName)?",
    ),
    "rule": (
        whole.RULE,
        taint_rule_decoder(rule_for_fit),
        r"spec|spec\.deviceSelector.*|spec\.taint(\.(key|value|effect))?",
    ),
    "template": (whole.TEMPLATE, bare_decoder(template_for_fit), r"(?!)"),
    "namespace": (whole.NAMESPACE, namespace_decoder(), r"status(\.phase)?"),
    "daemon set": (whole.DAEMON_SET, daemonset_decoder(), r"metadata\.uid"),
}


def _odd(before: object) -> list[object]:
    """Return values that aren't of the type that is there; a quantity may be a number or a text."""
    return [
        value
        for value in VALUES
        if type(value) is not type(before) or (value == "INVALID" and isinstance(before, str))
    ]


def _written(raw: Object) -> bytes:
    return json.dumps(raw).encode().replace(b'"DEEP"', DEEP).replace(b"INVALID", b"\xff")


def _read(decoder: Decoder[Any, Any], raw: Object) -> Reading[Any, Any]:
    return decoder.read(_written(raw))


def _said(reading: Reading[Any, Any]) -> object:
    """Return what an object says, but for what of it can't be read."""
    value = reading.value
    return msgspec.structs.replace(value, problem=None) if isinstance(value, Claim | Slice) else value


def _named(place: Place) -> str:
    return ".".join(map(str, place))


def _without_each(decoder: Decoder[Any, Any], raw: Object, place: Place) -> list[Reading[Any, Any]]:
    """Return the object without what is at a place, or without what that is in."""
    found = []
    for length in range(len(place), 0, -1):
        try:
            found.append(_read(decoder, without(raw, place[:length])))
        except ValueError:
            break
    return found


def _is_amount(place: Place) -> bool:
    return isinstance(place[-1], str) and place[-1] in ("nvidia.com/gpu", "cpu", "pods", "memory", "value")


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_field_costs_what_it_says_and_nothing_else(kind: str) -> None:
    raw, decoder, decides = KINDS[kind]
    plain = _read(decoder, raw)
    assert plain.problem is None
    assert not isinstance(plain.fit, Unreadable), plain.fit
    for place in places(raw):
        gone = _without_each(decoder, raw, place)
        for value in _odd(at(raw, place)):
            odd, where = with_value(raw, place, value), f"{_named(place)}: {value!r:.20}"
            if re.fullmatch(_identity, _named(place)):
                with pytest.raises(ValueError, match=r"."):
                    _read(decoder, odd)
                continue
            if _is_amount(place) and type(value) in (int, float):
                continue  # a quantity
            reading = _read(decoder, odd)
            assert (reading.key, reading.version) == (plain.key, plain.version), where
            if re.fullmatch(decides, _named(place)):
                if reading.value is None:
                    assert reading.problem, where
                    continue
                # An empty object says nothing, and an empty list has nothing.
                assert value in ([], {}, {"a": None}), where
            assert _said(reading) in [_said(each) for each in (plain, *gone)], where
            assert reading.value is not None or plain.value is None, where
            if reading.problem or isinstance(reading.fit, Unreadable) or kind == "slice":
                continue
            if kind == "pending" and reading.fit is None:
                continue  # its row in the list says that a fit can't read it
            assert reading.fit in [plain.fit, *(each.fit for each in gone)], where


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_of_an_odd_object_stay(kind: str) -> None:
    raw, decoder, _ = KINDS[kind]
    good, plain = _written(raw), _read(decoder, raw)
    for place in places(raw):
        odd = [_written(with_value(raw, place, value)) for value in (*VALUES, None)]
        halves = _written(with_value(raw, place, "HALF")).replace(b"HALF", rb"\ud800")
        twice = good.replace(b"{", b'{"metadata":7,', 1)
        body = b",".join([good, *odd, halves, twice, good])
        page = read_page(b'{"metadata":{"resourceVersion":"9"},"items":[%b]}' % body)
        assert page.items is not None
        assert len(page.items) == len(odd) + 4
        for item in (page.items[0], page.items[-1]):
            assert decoder.read(item).value == plain.value


@pytest.mark.parametrize("kind", ["pending", "claim", "class", "rule", "template"])
def test_what_a_tenant_nests_deep_hides_nothing(kind: str) -> None:
    # An apiserver keeps managedFields, and a driver's parameters, as they are written: up to 10,000 levels.
    raw, decoder, _ = KINDS[kind]
    plain = _read(decoder, raw)
    # Around the depth at which a decoder ends, one may end that begins deeper in the stack than another.
    for depth in (200, *range(900, 1000), 5000):
        deep = b'{"a":' * depth + b"1" + b"}" * depth
        for field in (b'"f:spec": ', b'"depth": '):
            reading = decoder.read(re.sub(field + rb"\{\}|" + field + b"1", field + deep, _written(raw)))
            assert (reading.problem, reading.value) == (None, plain.value), depth
            assert reading.fit == plain.fit, depth
