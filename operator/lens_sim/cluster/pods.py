"""The simulated pods: their requests, and their manifests at each point of their life."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from lens_sim.cluster.claims import REQUEST, Claim, ClaimRequest
from lens_sim.cluster.nodes import Node
from lens_sim.objects.resourcelist import ResourceList
from lens_sim.objects.resources import Object
from lens_sim.objects.taints import DEFAULT_TOLERATIONS, Toleration
from lens_sim.objects.timestamps import rfc3339

_GRACE = 30  # seconds, the default terminationGracePeriodSeconds
_NOTHING = ResourceList()


class Shape(NamedTuple):
    """The requests of a pod's containers: its app, a sidecar beside it, an init container before it.

    The app has what the pod claims.
    """

    app: ResourceList
    sidecar: ResourceList = _NOTHING
    preflight: ResourceList = _NOTHING
    claim: ClaimRequest | None = None

    @property
    def requests(self) -> ResourceList:
        """Return what the pod holds: the larger of its start and its run, and a pod slot (KEP-753)."""
        return self.app.plus(self.sidecar).most(self.preflight).plus(ResourceList(pods=1))

    @property
    def size(self) -> int:
        """Return how many devices the pod requests, as resources or by a claim."""
        return self.requests.devices + (self.claim.count if self.claim else 0)

    def devices(self, held: Sequence[str]) -> dict[str, Sequence[str]]:
        """Share out the devices that a pod holds to the containers that stay, by their names.

        They take up what the init container had (kubelet's device manager), which may have had more.
        """
        sidecar, app = self.sidecar.devices, self.app.devices
        if self.claim is not None:
            app = self.claim.count
        shares = {"evaluator": held[:sidecar], "main": held[sidecar : sidecar + app]}
        return {name: devices for name, devices in shares.items() if devices}


class Owner(NamedTuple):
    """A controlling owner, and the one that controls it."""

    api_version: str
    kind: str
    name: str
    uid: str
    above: "Owner | None" = None

    def reference(self) -> Object:
        """Return the entry of `ownerReferences` in what it controls."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


@dataclass(eq=False)
class Pod:
    """A pod and the times at which its life went on; what has not happened is None.

    `devices` are the ids of what it holds, `stopped` is a container that waits to be restarted. A pod with
    `gates` is not scheduled.
    """

    namespace: str
    name: str
    labels: dict[str, str]
    owner: Owner | None
    shape: Shape
    created: datetime
    lasts: timedelta | None
    completes: bool = True
    tolerations: tuple[Toleration, ...] = DEFAULT_TOLERATIONS
    node: Node | None = None
    claim: Claim | None = None
    gates: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    address: str = ""
    refused: datetime | None = None
    refusal: str = ""
    scheduled: datetime | None = None
    started: datetime | None = None
    readiness_changed: datetime | None = None
    stopped: bool = False
    restarts: int = 0
    finished: datetime | None = None
    failed: bool = False
    deleted: datetime | None = None

    @property
    def key(self) -> str:
        """Return where the pod is stored."""
        return f"{self.namespace}/{self.name}"

    @property
    def phase(self) -> str:
        """Return the pod's phase."""
        if self.finished is not None:
            return "Failed" if self.failed else "Succeeded"
        return "Pending" if self.started is None else "Running"

    @property
    def ready(self) -> bool:
        """Return whether the pod is Ready: none on a silent node is (node lifecycle controller, 1.37)."""
        return self._containers_ready and self.node is not None and not self.node.silent

    @property
    def _containers_ready(self) -> bool:
        return self.phase == "Running" and not self.stopped

    def manifest(self) -> Object:
        """Return the Pod object."""
        metadata: Object = {
            "name": self.name,
            "namespace": self.namespace,
            "creationTimestamp": rfc3339(self.created),
            "labels": self.labels,
        }
        if self.owner is not None:
            metadata["ownerReferences"] = [self.owner.reference()]
        if self.deleted is not None:
            metadata["deletionTimestamp"] = rfc3339(self.deleted + timedelta(seconds=_GRACE))
            metadata["deletionGracePeriodSeconds"] = _GRACE
        return {"metadata": metadata, "spec": self._spec(), "status": self._status()}

    def _spec(self) -> Object:
        inits = []
        if self.shape.preflight != _NOTHING:
            inits.append(_container("preflight", self.shape.preflight))
        if self.shape.sidecar != _NOTHING:
            inits.append(_container("evaluator", self.shape.sidecar) | {"restartPolicy": "Always"})
        return {
            **({"initContainers": inits} if inits else {}),
            "containers": [self._main()],
            **self._claims(),
            **({"schedulingGates": [{"name": gate} for gate in self.gates]} if self.gates else {}),
            "restartPolicy": "Never" if self.completes else "Always",
            "terminationGracePeriodSeconds": _GRACE,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "schedulerName": "default-scheduler",
            "priority": 0,
            "preemptionPolicy": "PreemptLowerPriority",
            "enableServiceLinks": True,
            "tolerations": [toleration.manifest() for toleration in self.tolerations],
            **({"nodeName": self.node.name} if self.node else {}),
        }

    def _main(self) -> Object:
        container = _container("main", self.shape.app)
        claim = self.shape.claim
        if claim is not None and claim.extended:
            for amounts in container["resources"].values():
                amounts[claim.resource] = str(claim.count)
        elif claim is not None:
            container["resources"]["claims"] = [{"name": REQUEST}]
        return container

    def _claims(self) -> Object:
        request = self.shape.claim
        if request is None or request.extended:
            return {}
        source = {"resourceClaimName": request.share} if request.share else {}
        return {
            "resourceClaims": [
                {"name": REQUEST, **(source or {"resourceClaimTemplateName": request.template})}
            ]
        }

    def _status(self) -> Object:
        status: Object = {"phase": self.phase, "qosClass": "Guaranteed", "conditions": self._conditions()}
        if self.claim is not None and self.claim.request.extended:
            status |= self._extended(self.claim)
        elif self.claim is not None and self.claim.owner is not None:
            status["resourceClaimStatuses"] = [{"name": REQUEST, "resourceClaimName": self.claim.name}]
        if self.node is not None and self.scheduled is not None:
            status["containerStatuses"] = [self._container_status()]
        if self.node is not None and self.started is not None:
            status |= {
                "startTime": rfc3339(self.started),
                "hostIP": self.node.address,
                "podIP": self.address,
                "podIPs": [{"ip": self.address}],
            }
        return status

    @staticmethod
    def _extended(claim: Claim) -> Object:
        """Return what the scheduler writes of a claim that it has made for an extended resource."""
        if claim.node is None:
            return {}
        mapping = {
            "containerName": "main",
            "resourceName": claim.request.resource,
            "requestName": claim.request.request,
        }
        found = {"resourceClaimName": claim.name, "requestMappings": [mapping]}
        return {"extendedResourceClaimStatus": found}

    def _conditions(self) -> list[Object]:
        if self.gates:
            why = {
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
            }
            return [_condition("PodScheduled", False, self.created) | why]
        if self.scheduled is None:
            if self.refused is None:
                return []
            why = {"reason": "Unschedulable", "message": self.refusal}
            return [_condition("PodScheduled", False, self.refused) | why]
        conditions = [_condition("PodScheduled", True, self.scheduled)]
        if self.started is not None:
            changed = self.finished or self.readiness_changed or self.started
            conditions += [
                _condition("Initialized", True, self.started),
                _condition("ContainersReady", self._containers_ready, changed),
                _condition("Ready", self.ready, changed),
            ]
        return conditions

    def _container_status(self) -> Object:
        state: Object = {"waiting": {"reason": "ContainerCreating"}}
        if self.started is not None:
            state = {"running": {"startedAt": rfc3339(self.started)}}
            if self.finished is not None:
                state = {
                    "terminated": {
                        "exitCode": int(self.failed),
                        "reason": "Error" if self.failed else "Completed",
                        "startedAt": rfc3339(self.started),
                        "finishedAt": rfc3339(self.finished),
                    }
                }
            elif self.stopped:
                state = {"waiting": {"reason": "CrashLoopBackOff"}}
        running = "running" in state
        container = _container("main", self.shape.app)
        # It lists a claim's devices only if the driver reports their health.
        devices = () if self.claim else self.shape.devices(self.devices).get("main", ())
        # Kubernetes 1.36 and later. The kubelet lists no init containers, so no sidecars either.
        resource = self.shape.app.device_resource
        allocated = [{"resourceID": device, "health": "Healthy"} for device in devices]
        return {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": running,
            "started": running,
            "restartCount": self.restarts,
            "state": state,
            **({"allocatedResourcesStatus": [{"name": resource, "resources": allocated}]} if devices else {}),
        }


def _container(name: str, amounts: ResourceList) -> Object:
    quantities = amounts.quantities()
    return {
        "name": name,
        "image": f"{name}.example/simulated:1",
        "imagePullPolicy": "IfNotPresent",
        "resources": {"limits": quantities, "requests": quantities},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def _condition(kind: str, holds: bool, since: datetime) -> Object:
    return {"type": kind, "status": str(holds), "lastProbeTime": None, "lastTransitionTime": rfc3339(since)}
