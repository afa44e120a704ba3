"""The decoders of each kind of object."""

import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from lens.model.gpu.exporters import DaemonSet, ExporterPod, ExporterSelector
from lens.model.inventory.decoding.decoder import Decoder, Document, FitReader, no_fit
from lens.model.inventory.objects.claim import Claim, read_claim
from lens.model.inventory.objects.device_class import DeviceClass, read_device_class
from lens.model.inventory.objects.fraction import RESERVATIONS, may_ask
from lens.model.inventory.objects.node import Node, read_node
from lens.model.inventory.objects.pod import Pod, PodKey, read_pod
from lens.model.inventory.objects.slice import Slice, read_slice
from lens.model.inventory.objects.taint_rule import TaintRule, read_taint_rule
from lens.model.k8s.bounds import short
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import ClaimManifest, DeviceClassManifest, TaintRuleManifest
from lens.model.k8s.dra.slices import SliceManifest
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.node_selection import ALL_NODES, NodeSelection
from lens.model.k8s.objects import BareManifest, DaemonSetManifest, DaemonSetStatus, NodeManifest, PodManifest

_decode_status = msgspec.json.Decoder(DaemonSetStatus).decode


MAX_DESIRED = 2**31 - 1
"""The most nodes that a DaemonSet can name (apps/v1: an int32)."""


def pod_decoder(
    gpus: GpuResources,
    exporters: ExporterSelector | None = None,
    reservations: str | None = RESERVATIONS,
    fit: Callable[[PodManifest, Pod | ExporterPod | None, Document], object] = no_fit,
) -> Decoder[PodKey, Pod | ExporterPod]:
    """Return a decoder of pods that request GPUs, and of exporters' pods.

    ``reservations`` is the namespace of KAI-Scheduler's reservation pods.
    """

    def view(manifest: PodManifest) -> Pod | ExporterPod | None:
        pod = read_pod(manifest, gpus, reservations)
        if exporters is not None and (pod is None or not pod.units):
            # An exporter may have a claim of its own, to see the GPUs that others hold.
            return exporters.read(manifest) or pod
        return pod

    return Decoder(PodManifest, view, PodKey, fit, _trim_pod)


def _trim_pod(manifest: PodManifest) -> None:
    if not may_ask(manifest.metadata.annotations):
        manifest.metadata.annotations = msgspec.Raw()


def daemonset_decoder() -> Decoder[PodKey, DaemonSet]:
    """Return a decoder of DaemonSets."""

    def view(manifest: DaemonSetManifest) -> DaemonSet | None:
        uid, desired = manifest.metadata.uid, 0
        with contextlib.suppress(msgspec.DecodeError):
            desired = _decode_status(manifest.status).desired_number_scheduled
        return None if uid is None else DaemonSet(short(uid), max(0, min(desired, MAX_DESIRED)))

    return Decoder(DaemonSetManifest, view, PodKey)


def node_decoder(
    gpus: GpuResources,
    fit: Callable[[NodeManifest, Node | None, Document], object] = no_fit,
    selection: NodeSelection = ALL_NODES,
) -> Decoder[str, Node]:
    """Return a decoder of nodes, of which those of the ``selection`` are counted."""
    return Decoder(
        NodeManifest, lambda manifest: read_node(manifest, gpus, selection), _name, fit, _trim_node
    )


def _trim_node(manifest: NodeManifest) -> None:
    manifest.metadata.annotations = msgspec.Raw()


def claim_decoder(drivers: GpuDrivers, fit: FitReader = no_fit) -> Decoder[PodKey, Claim]:
    """Return a decoder of ResourceClaims."""
    return Decoder(ClaimManifest, lambda manifest: read_claim(manifest, drivers), PodKey, fit)


def slice_decoder(
    drivers: GpuDrivers, stored: Mapping[str, Slice | None] = MappingProxyType({}), fit: FitReader = no_fit
) -> Decoder[str, Slice]:
    """Return a decoder of ResourceSlices with GPUs, which share what is the same with those ``stored``."""
    return Decoder(
        SliceManifest,
        lambda manifest: read_slice(manifest, drivers, stored.get(manifest.metadata.name)),
        _name,
        fit,
    )


def device_class_decoder(
    drivers: GpuDrivers, resources: GpuResources, fit: FitReader = no_fit
) -> Decoder[str, DeviceClass]:
    """Return a decoder of DeviceClasses."""

    def view(manifest: DeviceClassManifest) -> DeviceClass:
        return read_device_class(manifest, drivers, resources)

    return Decoder(DeviceClassManifest, view, _name, fit)


def taint_rule_decoder(fit: FitReader = no_fit) -> Decoder[str, TaintRule]:
    """Return a decoder of DeviceTaintRules."""
    return Decoder(TaintRuleManifest, read_taint_rule, _name, fit)


def bare_decoder(fit: FitReader) -> Decoder[PodKey, None]:
    """Return a decoder of objects that only the fit engine reads."""
    return Decoder(BareManifest, lambda _manifest: None, PodKey, fit)


def _name(_namespace: str, name: str) -> str:
    return name
