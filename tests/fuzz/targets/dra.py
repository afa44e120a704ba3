"""What drivers and tenants write into the objects of dynamic resource allocation, down to the count of it."""

import contextlib

from lens.model.inventory.decoding.kinds import (
    claim_decoder,
    device_class_decoder,
    slice_decoder,
    taint_rule_decoder,
)
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import PodKey
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from tests.fuzz.target import target

SLICE = (
    b'{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"driver":"gpu.nvidia.com","nodeName":"n",'
    b'"pool":{"name":"n","generation":1,"resourceSliceCount":1},"devices":[{"name":"gpu-0"},{"name":"gpu-1"}]}}'
)
CLAIM = (
    b'{"metadata":{"name":"c","namespace":"a","resourceVersion":"1"},"status":{"allocation":{"devices":{"results":'
    b'[{"request":"r","driver":"gpu.nvidia.com","pool":"n","device":"gpu-0"}]}}}}'
)

_claims = claim_decoder(GpuDrivers())
_slices = slice_decoder(GpuDrivers())
_classes = device_class_decoder(GpuDrivers(), GpuResources())
_rules = taint_rule_decoder()


def _count(claim: bytes = CLAIM, slice_: bytes = SLICE, device_class: bytes = b"", rule: bytes = b"") -> None:
    """Count one object of each kind."""
    ledger = Ledger(TaintPolicy(()))
    with contextlib.suppress(ValueError):
        ledger.put_claim(PodKey("a", "c"), _claims.read(claim).value)
        ledger.put_slice("a", _slices.read(slice_).value)
        if device_class:
            ledger.put_device_class("a", _classes.read(device_class).value)
        if rule:
            ledger.put_taint_rule("a", _rules.read(rule).value)
        ledger.snapshot()


@target("resource-claim", longest=2**20)
def resource_claim(data: bytes) -> None:
    """Count with a claim."""
    _count(claim=data)


@target("resource-slice", longest=2**20)
def resource_slice(data: bytes) -> None:
    """Count with a slice."""
    _count(slice_=data)


@target("device-class", longest=2**20)
def device_class(data: bytes) -> None:
    """Count with a class."""
    _count(device_class=data)


@target("taint-rule", longest=2**20)
def taint_rule(data: bytes) -> None:
    """Count with a rule."""
    _count(rule=data)
