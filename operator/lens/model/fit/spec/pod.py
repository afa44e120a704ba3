"""A pod on a node, or nominated to one, as the fit engine reads it."""

from sys import intern

import msgspec

from lens.model.fit.spec.affinity_terms import PodAffinityManifest, Terms, read_terms
from lens.model.fit.spec.labels import FlatLabels, flatten_known
from lens.model.fit.spec.ports import HostPorts, read_ports
from lens.model.fit.spec.resources import Request, read_request
from lens.model.inventory.objects.pod import FINISHED_PHASES
from lens.model.k8s.objects import Manifest, PodManifest

DEFAULT_SCHEDULER = "default-scheduler"
"""The name of the scheduler whose nominations count."""

LOWEST_PRIORITY, HIGHEST_PRIORITY = -(2**31), 2**31 - 1


class FitPod(msgspec.Struct, frozen=True, gc=False):
    """What a pod on a node means to pods that may join it.

    ``labels`` may be UNKNOWN_LABELS.
    ``anti_terms`` are the pods that it doesn't want near (required anti-affinity). ``nominated``: it isn't
    bound yet, and ``node`` is its nominatedNodeName; it counts for pods of its priority or a lower one.
    """

    node: str
    namespace: str
    labels: FlatLabels
    request: Request
    priority: int = 0
    ports: HostPorts = ()
    anti_terms: Terms = ()
    terminating: bool = False
    nominated: bool = False


class _AffinityManifest(Manifest):
    pod_anti_affinity: PodAffinityManifest | None = None


_read_affinity = msgspec.json.Decoder(_AffinityManifest | None).decode


def read_fit_pod(manifest: PodManifest, *, room_alone: bool = False) -> FitPod | None:
    """Return a pod as the fit engine reads it; None for a pod that takes no room on any node.

    With ``room_alone`` it has neither ports nor anti-affinity. Raise ValueError, naming the field, for what
    can't be read.
    """
    meta, spec, status = manifest.metadata, manifest.spec, manifest.status
    nominated = not spec.node_name
    node = spec.node_name or status.nominated_node_name
    if not node or status.phase in FINISHED_PHASES:
        return None
    if nominated and spec.scheduler_name not in (None, "", DEFAULT_SCHEDULER):
        return None
    namespace = intern(meta.namespace or "")
    return FitPod(
        node=intern(node),
        namespace=namespace,
        labels=flatten_known(meta.labels),
        request=read_request(manifest),
        priority=max(LOWEST_PRIORITY, min(HIGHEST_PRIORITY, spec.priority or 0)),
        ports=() if room_alone else read_ports(spec),
        anti_terms=() if room_alone else _anti_terms(spec.affinity, namespace),
        terminating=meta.deletion_timestamp is not None,
        nominated=nominated,
    )


def _anti_terms(raw: msgspec.Raw, namespace: str) -> Terms:
    if not raw:
        return ()
    try:
        affinity = _read_affinity(raw)
        return read_terms(affinity and affinity.pod_anti_affinity, namespace)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"spec.affinity.podAntiAffinity: {error}") from None
