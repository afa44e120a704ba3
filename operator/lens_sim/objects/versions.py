"""The forms that objects of resource.k8s.io have in its versions. They are stored as v1.

Source: k8s.io/api/resource/{v1,v1beta2,v1beta1,v1alpha3}/types.go. v1beta2 is v1 under another name.
"""

from collections.abc import Callable

import msgspec

from lens_sim.objects.resources import (
    RESOURCE_CLAIM_TEMPLATES,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    Object,
    Resource,
)

STORED = "v1"

_FLAT = ("v1beta1", "v1alpha3")
"""The versions in which a request has no `exactly`, and a device all but its name in `basic`."""


def in_version(resource: Resource, version: str, body: bytes) -> bytes:
    """Return a stored object's JSON in the form of a version."""
    convert = _CONVERSIONS.get(resource)
    if version not in _FLAT or convert is None:
        return body
    obj = msgspec.json.decode(body)
    convert(obj, version)
    return msgspec.json.encode(obj)


def _claim(claim: Object, _: str) -> None:
    _flatten_requests(claim.get("spec", {}))


def _template(template: Object, _: str) -> None:
    _flatten_requests(template.get("spec", {}).get("spec", {}))


def _flatten_requests(spec: Object) -> None:
    devices = spec.get("devices", {})
    if "requests" in devices:
        devices["requests"] = [
            {"name": request["name"]} | request.get("exactly", {}) if "exactly" in request else request
            for request in devices["requests"]
        ]


def _slice(resource_slice: Object, version: str) -> None:
    spec = resource_slice.get("spec", {})
    if "devices" in spec:
        spec["devices"] = [_basic(device, version) for device in spec["devices"]]


def _basic(device: Object, version: str) -> Object:
    basic = {name: value for name, value in device.items() if name != "name"}
    if version == "v1alpha3" and "capacity" in basic:
        # It has quantities where later versions have objects around them.
        basic["capacity"] = {name: capacity["value"] for name, capacity in basic["capacity"].items()}
    return {"name": device["name"], "basic": basic}


_CONVERSIONS: dict[Resource, Callable[[Object, str], None]] = {
    RESOURCE_CLAIMS: _claim,
    RESOURCE_CLAIM_TEMPLATES: _template,
    RESOURCE_SLICES: _slice,
}
