"""Raw objects of resource.k8s.io for examples, in any version of the API, and their way into a ledger.

Their JSON is without blanks, as an apiserver's: only then devices that are alike are read as one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lens.model.fit.dra.state import DeviceState
from lens.model.fit.fit_store import (
    DeviceStores,
    claim_for_fit,
    class_for_fit,
    rule_for_fit,
    slice_for_fit,
    template_for_fit,
)
from lens.model.inventory.decoding.kinds import (
    bare_decoder,
    claim_decoder,
    device_class_decoder,
    slice_decoder,
    taint_rule_decoder,
)
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.claim import Claim
from lens.model.inventory.objects.device_class import DeviceClass
from lens.model.inventory.objects.slice import Slice
from lens.model.inventory.objects.taint_rule import TaintRule
from lens.model.inventory.snapshot import Snapshot
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources
from tests.unit.model.manifests import Object, ledger_of

DRIVER = "gpu.nvidia.com"
VERSIONS = ("v1", "v1beta2", "v1beta1", "v1alpha3")
H100 = "NVIDIA H100 80GB HBM3"

claims = claim_decoder(GpuDrivers())
slices = slice_decoder(GpuDrivers())
classes = device_class_decoder(GpuDrivers(), GpuResources())
rules = taint_rule_decoder()

_fit_claims = claim_decoder(GpuDrivers(), claim_for_fit)
_fit_slices = slice_decoder(GpuDrivers(), fit=slice_for_fit)
_fit_classes = device_class_decoder(GpuDrivers(), GpuResources(), class_for_fit)
_fit_rules = taint_rule_decoder(rule_for_fit)
_fit_templates = bare_decoder(template_for_fit)


def _object(kind: str, name: str, version: str, **parts: object) -> Object:
    return {
        "apiVersion": f"resource.k8s.io/{version}",
        "kind": kind,
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "7"},
        **parts,
    }


def device(
    name: str,
    attributes: Mapping[str, str | int] | None = None,
    *,
    consumes: Mapping[str, Mapping[str, object]] | None = None,
    taints: Sequence[str] = (),
    **fields: object,
) -> Object:
    """Return a device as v1 has it; ``consumes`` has amounts by counter set and counter."""
    made: Object = {"name": name, **fields}
    if attributes is not None:
        made["attributes"] = {
            key: {"int" if isinstance(value, int) else "string": value} for key, value in attributes.items()
        }
    if consumes is not None:
        made["consumesCounters"] = [
            {"counterSet": each, "counters": _counters(amounts)} for each, amounts in consumes.items()
        ]
    if taints:
        made["taints"] = [dict(zip(("key", "effect"), text.rsplit(":", 1), strict=True)) for text in taints]
    return made


def gpu(index: int, **fields: Any) -> Object:
    """Return an H100."""
    return device(f"gpu-{index}", {"uuid": f"GPU-{index}abc", "productName": H100, "type": "gpu"}, **fields)


def resource_slice(
    *devices: Object,
    name: str = "node-1-a",
    driver: str = DRIVER,
    pool: str = "node-1",
    generation: int = 1,
    count: int = 1,
    node: str | None = "node-1",
    counters: Mapping[str, Mapping[str, object]] | None = None,
    version: str = "v1",
    **spec: object,
) -> Object:
    """Return a ResourceSlice; ``counters`` has amounts by counter set and counter."""
    if version in ("v1alpha3", "v1beta1"):
        devices = tuple(
            {"name": each["name"], "basic": {key: value for key, value in each.items() if key != "name"}}
            for each in devices
        )
    fields: Object = {
        "driver": driver,
        "pool": {"name": pool, "generation": generation, "resourceSliceCount": count},
        **spec,
    }
    if node is not None:
        fields["nodeName"] = node
    if devices:
        fields["devices"] = list(devices)
    if counters is not None:
        fields["sharedCounters"] = [
            {"name": each, "counters": _counters(amounts)} for each, amounts in counters.items()
        ]
    return _object("ResourceSlice", name, version, spec=fields)


def _counters(amounts: Mapping[str, object]) -> Object:
    return {name: {"value": amount} for name, amount in amounts.items()}


def result(device_name: str, *, driver: str = DRIVER, pool: str = "node-1", **fields: object) -> Object:
    """Return an allocated device."""
    return {"request": "gpus", "driver": driver, "pool": pool, "device": device_name, **fields}


def claim(
    *results: Object,
    name: str = "claim-1",
    namespace: str = "team",
    device_class: str = DRIVER,
    count: int = 1,
    pods: Sequence[str] = (),
    node: str | None = "node-1",
    allocated: bool | None = None,
    version: str = "v1",
    status: Mapping[str, object] | None = None,
    **request: object,
) -> Object:
    """Return a ResourceClaim, which is allocated if it has ``results``; ``pods`` it is reserved for."""
    asked: Object = {
        "deviceClassName": device_class,
        "allocationMode": "ExactCount",
        "count": count,
        **request,
    }
    flat = version in ("v1alpha3", "v1beta1")
    made: Object = {}
    if results or allocated:
        made["allocation"] = {"devices": {"results": list(results)}}
        if node is not None:
            field = {"key": "metadata.name", "operator": "In", "values": [node]}
            made["allocation"]["nodeSelector"] = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    if pods:
        made["reservedFor"] = [{"resource": "pods", "name": each, "uid": f"uid-{each}"} for each in pods]
    raw = _object(
        "ResourceClaim",
        name,
        version,
        spec={"devices": {"requests": [{"name": "gpus", **(asked if flat else {"exactly": asked})}]}},
        status=made | dict(status or {}),
    )
    raw["metadata"]["namespace"] = namespace
    return raw


def device_class(
    name: str = DRIVER, expression: str = f'device.driver == "{DRIVER}"', **spec: object
) -> Object:
    """Return a DeviceClass."""
    return _object(
        "DeviceClass", name, "v1", spec={"selectors": [{"cel": {"expression": expression}}], **spec}
    )


def taint_rule(
    name: str = "rule", *, effect: str = "NoSchedule", version: str = "v1", **selector: object
) -> Object:
    """Return a DeviceTaintRule."""
    taint = {"key": "example.com/broken", "value": "yes", "effect": effect}
    return _object("DeviceTaintRule", name, version, spec={"deviceSelector": selector, "taint": taint})


def read_claim(raw: object) -> Claim:
    """Read a claim as it comes from an apiserver."""
    view = claims.read(msgspec.json.encode(raw)).value
    assert view is not None
    return view


def read_slice(raw: object) -> Slice:
    """Read a slice as it comes from an apiserver."""
    view = slices.read(msgspec.json.encode(raw)).value
    assert view is not None
    return view


def read_class(raw: object) -> DeviceClass:
    """Read a class as it comes from an apiserver."""
    view = classes.read(msgspec.json.encode(raw)).value
    assert view is not None
    return view


def read_rule(raw: object) -> TaintRule:
    """Read a rule as it comes from an apiserver."""
    view = rules.read(msgspec.json.encode(raw)).value
    assert view is not None
    return view


def put(ledger: Ledger, raw: Object) -> None:
    """Store an object of resource.k8s.io."""
    document = msgspec.json.encode(raw)
    match raw["kind"]:
        case "ResourceClaim":
            claim_reading = claims.read(document)
            ledger.put_claim(claim_reading.key, claim_reading.value)
        case "ResourceSlice":
            slice_reading = slices.read(document)
            ledger.put_slice(slice_reading.key, slice_reading.value)
        case "DeviceClass":
            class_reading = classes.read(document)
            ledger.put_device_class(class_reading.key, class_reading.value)
        case "DeviceTaintRule":
            rule_reading = rules.read(document)
            ledger.put_taint_rule(rule_reading.key, rule_reading.value)


def cluster(*objects: Object) -> Ledger:
    """Return a ledger with pods, nodes and objects of resource.k8s.io."""
    ledger = ledger_of(*(raw for raw in objects if raw["kind"] in ("Pod", "Node")))
    for raw in objects:
        put(ledger, raw)
    return ledger


def snapshot_of(*objects: Object) -> Snapshot:
    """Return the snapshot of a cluster that has the objects."""
    return cluster(*objects).snapshot()


def put_fit(state: DeviceState, raw: Object) -> None:
    """Store an object as a fit looks at it."""
    document, stores = msgspec.json.encode(raw), DeviceStores(state)
    match raw["kind"]:
        case "ResourceClaim":
            claim_reading = _fit_claims.read(document)
            stores.claims.apply_line(claim_reading.key, claim_reading.fit)
        case "ResourceSlice":
            slice_reading = _fit_slices.read(document)
            stores.slices.apply_line(slice_reading.key, slice_reading.fit)
        case "DeviceClass":
            class_reading = _fit_classes.read(document)
            stores.classes.apply_line(class_reading.key, class_reading.fit)
        case "DeviceTaintRule":
            rule_reading = _fit_rules.read(document)
            stores.rules.apply_line(rule_reading.key, rule_reading.fit)
        case "ResourceClaimTemplate":
            reading = _fit_templates.read(document)
            stores.templates.apply_line(reading.key, reading.fit)
