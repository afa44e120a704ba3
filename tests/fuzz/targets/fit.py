"""What a fit reads of pods and nodes, and the pods that callers ask about."""

import contextlib
from typing import Any

import msgspec

from lens.model.fit.admission.policies import (
    budget_decoder,
    limit_range_decoder,
    namespace_decoder,
    priority_class_decoder,
    quota_decoder,
    runtime_class_decoder,
)
from lens.model.fit.dra.cel.library import EvaluationError
from lens.model.fit.dra.matching import matches
from lens.model.fit.dra.objects import read_claim, read_class
from lens.model.fit.dra.slices import read_slice
from lens.model.fit.engine import fit
from lens.model.fit.spec.asked import AskedPod, read_asked_pod
from lens.model.fit.spec.claims import AskedClaim, ClaimSpec, read_claim_spec
from lens.model.fit.spec.node import read_fit_node
from lens.model.fit.spec.pod import read_fit_pod
from lens.model.fit.state import FitState
from lens.model.inventory.decoding.decoder import Decoder
from lens.model.k8s.objects import NodeManifest, PodManifest
from tests.fuzz.target import target

_policies: tuple[Decoder[Any, Any], ...] = (
    budget_decoder(),
    limit_range_decoder(),
    namespace_decoder(),
    priority_class_decoder(),
    quota_decoder(),
    runtime_class_decoder(),
)
_pod = msgspec.json.Decoder(PodManifest).decode
_node = msgspec.json.Decoder(NodeManifest).decode

ROOM = (
    b'{"metadata":{"name":"a","labels":{"kubernetes.io/hostname":"a"}},'
    b'"status":{"allocatable":{"cpu":"8","memory":"32Gi","pods":"110","nvidia.com/gpu":"8"}}}'
)


def _state(node: bytes = ROOM) -> FitState:
    state = FitState()
    read = read_fit_node(_node(node))
    state.put_node(read.name, read)
    return state


CLASS = b"""{"metadata":{"name":"gpu"},"spec":{"selectors":[{"cel":{"expression":
"device.driver == 'gpu.example.com'"}}]}}"""

SLICE = b"""{"metadata":{"name":"s"},"spec":{"driver":"gpu.example.com","nodeName":"a","pool":{"name":"a",
"generation":1,"resourceSliceCount":1},"devices":[{"name":"d0","attributes":{"index":{"int":0},"product":{"string":"A"},
"version":{"version":"1.2.3"}},"capacity":{"memory":{"value":"80Gi"}}},{"name":"d1","allowMultipleAllocations":true,
"capacity":{"memory":{"value":"80Gi","requestPolicy":{"default":"1Gi"}}}}]}}"""

_CLAIM = read_claim_spec(
    b"""{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu","count":1,"capacity":{"requests":
    {"memory":"2Gi"}}}}],"constraints":[{"matchAttribute":"gpu.example.com/product"}]}}"""
)


def _ask_for(spec: ClaimSpec, state: FitState) -> None:
    asked_pod = AskedPod(claims=(AskedClaim("c", spec=spec), AskedClaim("shared", claim="one", spec=spec)))
    fit(state.fleet(), asked_pod, replicas=3)


@target("fit-claim", longest=2**18)
def claim(data: bytes) -> None:
    """Read what a claim asks for, selectors in CEL too, and look for devices."""
    with contextlib.suppress(ValueError):
        state = _state()
        state.devices.put_class("gpu", read_class(CLASS))
        state.devices.put_slice("s", read_slice(SLICE))
        _ask_for(read_claim_spec(data), state)


@target("fit-slice", longest=2**18)
def slice_(data: bytes) -> None:
    """Read a slice, and look for its devices."""
    with contextlib.suppress(ValueError):
        state = _state()
        state.devices.put_class("gpu", read_class(b'{"metadata":{"name":"gpu"}}'))
        state.devices.put_slice("s", read_slice(data))
        _ask_for(_CLAIM, state)


@target("fit-held", longest=2**18)
def held(data: bytes) -> None:
    """Read a claim of the cluster that may hold devices, and ask about a pod that names it."""
    with contextlib.suppress(ValueError):
        state = _state()
        state.devices.put_class("gpu", read_class(CLASS))
        state.devices.put_slice("s", read_slice(SLICE))
        state.devices.put_claim(("default", "one"), read_claim(data))
        _ask_for(_CLAIM, state)


@target("fit-selector", longest=2**14)
def selector(data: bytes) -> None:
    """Compile a selector in CEL, and ask about a device."""
    with contextlib.suppress(ValueError, EvaluationError):
        matches(data.decode(), read_slice(SLICE).devices[0], "gpu.example.com")


@target("fit-asked", longest=2**20)
def asked(data: bytes) -> None:
    """Read a pod that is asked about, and ask."""
    with contextlib.suppress(ValueError):
        fit(_state().fleet(), read_asked_pod(data), replicas=3)


@target("fit-pod", longest=2**20)
def pod(data: bytes) -> None:
    """Read a pod on a node, and ask whether another fits beside it."""
    with contextlib.suppress(ValueError, RecursionError):
        read = read_fit_pod(_pod(data))
        if read is not None:
            state = _state()
            state.put_pod("pod", msgspec.structs.replace(read, node="a"))
            fit(state.fleet(), read_asked_pod(b'{"metadata":{"name":"b","labels":{"app":"web"}}}'))


@target("fit-policy", longest=2**20)
def policy(data: bytes) -> None:
    """Read what admission, quotas and evictions take their rules from, as a watch brings it."""
    for decoder in _policies:
        with contextlib.suppress(ValueError):
            decoder.read(data)


@target("fit-node", longest=2**20)
def node(data: bytes) -> None:
    """Read a node, and ask whether a pod fits it."""
    with contextlib.suppress(ValueError, RecursionError):
        fit(_state(data).fleet(), read_asked_pod(b'{"metadata":{"name":"b"}}'))
