"""The simulated ResourceClaims: made from templates, allocated, reserved for pods, and deallocated.

For an extended resource that a class serves the scheduler makes the claim itself, once it has a node.

Source: Kubernetes 1.37, pkg/controller/resourceclaim and pkg/scheduler/framework/plugins/dynamicresources.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lens_sim.cluster.nodes import Node
from lens_sim.cluster.slices import DRIVER, device_name
from lens_sim.objects.names import made_up
from lens_sim.objects.resources import DEVICE_CLASSES, RESOURCE_CLAIM_TEMPLATES, RESOURCE_CLAIMS, Object
from lens_sim.objects.store import Store
from lens_sim.objects.timestamps import rfc3339

REQUEST = "gpu"
"""The names of a pod's claim, and of a claim's request."""

EXTENDED_REQUEST = "container-0-request-1"
"""The scheduler's name of the request for an extended resource, which is the app's second request."""

_PRODUCTS: Mapping[str, str] = {
    DRIVER: "",
    "a100.nvidia.com": "NVIDIA A100-SXM4-80GB",
    "h200.nvidia.com": "NVIDIA H200",
}
"""The DeviceClasses, and the product that each selects; "" is any."""


@dataclass(frozen=True)
class ClaimRequest:
    """So many devices of a class: in a claim of each pod's own, or in one that all `share`, of this name.

    With `extended` a pod requests them as the class's implicit extended resource, and names no claim.
    """

    device_class: str
    count: int
    share: str = ""
    extended: bool = False

    @property
    def resource(self) -> str:
        """Return the class's implicit extended resource."""
        return f"deviceclass.resource.kubernetes.io/{self.device_class}"

    @property
    def request(self) -> str:
        """Return the request's name in a claim."""
        return EXTENDED_REQUEST if self.extended else REQUEST

    @property
    def template(self) -> str:
        """Return the name of the template with this request."""
        return f"{self.device_class.partition('.')[0]}-x{self.count}"

    def fits(self, node: Node) -> bool:
        """Return whether a node has so many free devices of the class."""
        product = _PRODUCTS[self.device_class]
        return node.pool.dynamic and product in ("", node.pool.product) and self.count <= node.devices.free

    def spec(self) -> Object:
        """Return the spec of a claim, as the apiserver fills it in."""
        exactly = {
            "deviceClassName": self.device_class,
            "allocationMode": "ExactCount",
            "count": self.count,
        }
        return {"devices": {"requests": [{"name": self.request, "exactly": exactly}]}}


@dataclass(eq=False)
class Claim:
    """A claim: where it is allocated, which devices it holds, and the uids of the pods that it is for."""

    namespace: str
    name: str
    request: ClaimRequest
    created: datetime
    owner: Object | None = None
    node: Node | None = None
    devices: tuple[str, ...] = ()
    allocated: datetime | None = None
    reserved_for: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return where the claim is stored."""
        return f"{self.namespace}/{self.name}"

    def manifest(self) -> Object:
        """Return the ResourceClaim object."""
        metadata: Object = {
            "name": self.name,
            "namespace": self.namespace,
            "creationTimestamp": rfc3339(self.created),
        }
        if self.owner is not None:
            about = {"resource.kubernetes.io/pod-claim-name": REQUEST}
            if self.request.extended:
                about = {"resource.kubernetes.io/extended-resource-claim": "true"}
            metadata |= {
                "generateName": self.name[:-5],
                "annotations": about,
                "ownerReferences": [self.owner],
            }
        if self.node is None:
            return {"metadata": metadata, "spec": self.request.spec(), "status": {}}
        metadata["finalizers"] = ["resource.kubernetes.io/delete-protection"]
        return {"metadata": metadata, "spec": self.request.spec(), "status": self._status(self.node)}

    def _status(self, node: Node) -> Object:
        results = [
            {
                "request": self.request.request,
                "driver": DRIVER,
                "pool": node.name,
                "device": device_name(node, device),
            }
            for device in self.devices
        ]
        only = {"key": "metadata.name", "operator": "In", "values": [node.name]}
        allocation: Object = {
            "devices": {"results": results},
            "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [only]}]},
        }
        if self.allocated is not None:
            allocation["allocationTimestamp"] = rfc3339(self.allocated)
        status: Object = {"allocation": allocation}
        if self.reserved_for:
            status["reservedFor"] = [
                {"resource": "pods", "name": name, "uid": uid} for name, uid in self.reserved_for.items()
            ]
        return status


class Claims:
    """Writes claims as the claim controller and the scheduler do."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shared: dict[str, Claim] = {}

    def begin(self, requests: Iterable[tuple[str, ClaimRequest]], at: datetime) -> None:
        """Write the classes, and the templates or shared claims with the requests of namespaces."""
        for name, product in _PRODUCTS.items():
            self._store.put(DEVICE_CLASSES, _device_class(name, product), at)
        for namespace, request in requests:
            if request.share:
                claim = Claim(namespace, request.share, request, at)
                self._shared[claim.key] = claim
                self._write(claim, at)
            elif not request.extended:
                metadata = {"name": request.template, "namespace": namespace}
                template = {"metadata": metadata, "spec": {"spec": request.spec()}}
                self._store.put(RESOURCE_CLAIM_TEMPLATES, template, at)

    def of(self, namespace: str, pod: Object, request: ClaimRequest, at: datetime) -> Claim:
        """Return the claim of a stored pod: a shared one, or a new one of its own."""
        if request.share:
            return self._shared[f"{namespace}/{request.share}"]
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        # By a random generator of its own, so that names don't change other events.
        chance = random.Random(f"{uid}/{REQUEST}")  # noqa: S311
        owner = {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": name,
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        what = "extended-resources" if request.extended else REQUEST
        claim = Claim(namespace, f"{name}-{what}-{made_up(5, chance)}", request, at, owner)
        if not request.extended:
            self._write(claim, at)
        return claim

    def reserve(self, claim: Claim, node: Node, pod: Object, at: datetime) -> None:
        """Allocate a claim on a node, if it isn't yet, and reserve it for a stored pod."""
        if claim.node is None:
            claim.node, claim.allocated = node, at
            claim.devices = node.devices.allocate(claim.request.count)
        claim.reserved_for[pod["metadata"]["name"]] = pod["metadata"]["uid"]
        self._write(claim, at)

    def release(self, claim: Claim, pod: str, at: datetime) -> None:
        """Let a pod that has ended leave its claim; the last one deallocates it, or lets it be deleted."""
        claim.reserved_for.pop(pod, None)
        if claim.node is not None and not claim.reserved_for:
            claim.node.devices.take_back(claim.devices)
            claim.node, claim.devices, claim.allocated = None, (), None
        if claim.owner is None:
            self._write(claim, at)
        elif self._store.get(RESOURCE_CLAIMS, claim.key) is not None:
            self._store.delete(RESOURCE_CLAIMS, claim.key)

    def _write(self, claim: Claim, at: datetime) -> None:
        self._store.put(RESOURCE_CLAIMS, claim.manifest(), at)


def _device_class(name: str, product: str) -> Object:
    selected = f"device.driver == '{DRIVER}' && device.attributes['{DRIVER}'].type == 'gpu'"
    if product:
        selected += f" && device.attributes['{DRIVER}'].productName == '{product}'"
    return {"metadata": {"name": name}, "spec": {"selectors": [{"cel": {"expression": selected}}]}}
