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
from lens.model.fit.engine import fit
from lens.model.fit.spec.asked import read_asked_pod
from lens.model.fit.spec.node import read_fit_node
from lens.model.fit.spec.pod import read_fit_pod
from lens.model.fit.state import FitState
from lens.model.inventory.objects.decoding import Decoder
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
