"""The pods that report their node's GPUs: Lens' agents, or a cluster's existing exporters."""

from ipaddress import ip_address
from typing import Self

import msgspec

from lens.model.k8s.bounds import LONGEST_NAME, LONGEST_WORD, short
from lens.model.k8s.objects import PodManifest


class ExporterPod(msgspec.Struct, frozen=True, gc=False):
    """A running pod that can be scraped. ``controller_uid`` is its controller's."""

    namespace: str
    name: str
    uid: str
    node: str
    ip: str
    controller_uid: str | None


class DaemonSet(msgspec.Struct, frozen=True, gc=False):
    """A DaemonSet, and on how many nodes it should have a pod."""

    uid: str
    desired: int = 0


class ExporterSelector(msgspec.Struct, frozen=True):
    """Which pods they are: those of one namespace with all of these labels.

    Anybody who may create a pod there can copy the labels, so ``daemonset`` names the DaemonSet whose pods
    alone are believed; None believes all.
    """

    namespace: str
    labels: tuple[tuple[str, str], ...]
    daemonset: str | None

    @classmethod
    def parse(cls, namespace: str, labels: str, daemonset: str | None) -> Self:
        """Take labels as ``name=value,name=value``. Raise ValueError for anything else."""
        pairs = []
        for part in labels.split(","):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not name or not equals or value.startswith("=") or "!" in name:
                raise ValueError(f"{part.strip()!r} is not a label, such as app=lens-agent")
            pairs.append((name, value))
        return cls(namespace, tuple(pairs), daemonset)

    def read(self, manifest: PodManifest) -> ExporterPod | None:
        """Return the view of a pod that is one of them and can be scraped, or None."""
        meta, status = manifest.metadata, manifest.status
        address = status.pod_ip or ""
        if meta.namespace != self.namespace or meta.deletion_timestamp is not None:
            return None
        labels = meta.labels or {}
        if any(labels.get(name) != value for name, value in self.labels):
            return None
        if status.phase != "Running" or not _is_address(address) or not manifest.spec.node_name:
            return None
        controller = next((owner for owner in meta.owner_references or () if owner.controller), None)
        return ExporterPod(
            namespace=self.namespace,
            name=meta.name,
            uid=short(meta.uid or ""),
            node=short(manifest.spec.node_name, LONGEST_NAME),
            ip=address,
            controller_uid=short(controller.uid) if controller and controller.kind == "DaemonSet" else None,
        )


def _is_address(text: str) -> bool:
    """Return whether a text is an IP address: a kubelet writes it, and it becomes part of a URL."""
    try:
        ip_address(text[:LONGEST_WORD])
    except ValueError:
        return False
    return len(text) <= LONGEST_WORD
