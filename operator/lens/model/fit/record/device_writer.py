"""Writes what a fit keeps of devices, claims and classes as objects of resource.k8s.io."""

import msgspec

from lens.model.fit.dra.objects import FitClaim, FitClass, FitTaintRule
from lens.model.fit.record.device_part import DevicePart, specs_of
from lens.model.fit.record.names import Names
from lens.model.fit.record.slice_writer import DOMAIN, FAILED, READY, SliceWriter
from lens.model.fit.record.writer import ASKED, Object, Writer, is_made
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ALL, ClaimSpec, Constraint, SubRequest, exact
from lens.model.inventory.objects.claim import AllocatedDevice
from lens.model.k8s import timestamps


class DeviceWriter:
    """Writes objects with one set of names."""

    def __init__(self, write: Writer, names: Names, asked: AskedPod, part: DevicePart) -> None:
        """Take the pod that is asked about, and everything to write."""
        self._write, self._names, self._asked = write, names, asked
        specs = specs_of(asked, part.claims)
        of_requests = [
            each.selectors for spec in specs for request in spec.requests for each in request.alternatives
        ]
        selectors = [*(each.selectors for each in part.classes), *of_requests]
        self._slices = SliceWriter(
            write,
            names,
            (each for listed in selectors for each in listed),
            (each.attribute for spec in specs for each in spec.constraints),
        )
        # Pools are tried in the order of their names, and so are slices and classes.
        for driver in sorted({each.driver for each in part.slices}):
            names.of_device("driver", driver)
        for pool in sorted({each.pool for each in part.slices}):
            names.of_device("pool", pool)
        for name in sorted(each.name for each in part.slices):
            names.of_device("slice", name)
        for name in sorted(each.name for each in part.classes):
            names.of_device("class", name)

    def objects(self, part: DevicePart) -> dict[str, list[Object]]:
        """Return the objects by the names of their resources."""
        stored = {(each.namespace, each.name): each for each in part.claims}
        namespace = self._asked.namespace
        claims = []
        for each in self._asked.claims:
            claim = stored.pop((namespace, each.claim), None)
            if claim is None and each.spec is not None:
                claim = FitClaim(namespace, each.claim, each.spec, owner=each.owner or "")
            if claim is not None:
                owned = is_made(each) and claim.owner == (each.owner or "")
                name = self._write.claim(each)
                claims.append(self._claim(claim, name, ASKED if owned else claim.owner and "another"))
        for claim in stored.values():
            # Only what they hold matters to the pod.
            name = self._names.of_device("claim", claim.name)
            claims.append(self._claim(msgspec.structs.replace(claim, spec=ClaimSpec()), name, ""))
        return {
            "resourceClaims": claims,
            "resourceSlices": [self._slices.slice(each) for each in part.slices],
            "deviceClasses": [self._class(each) for each in part.classes],
            "deviceTaintRules": [self._rule(number, each) for number, each in enumerate(part.rules)],
        }

    # Claims

    def _claim(self, claim: FitClaim, name: str, owner: str) -> Object:
        metadata: Object = {"name": name, "namespace": self._names.of("namespace", claim.namespace)}
        if claim.deleted:
            metadata |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [f"{DOMAIN}/hold"]}
        if owner:
            metadata["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "Pod", "name": "asked", "uid": owner, "controller": True}
            ]
        found: Object = {"metadata": metadata, "spec": self._spec(claim.spec)}
        if claim.allocated:
            found["status"] = self._status(claim)
        return found

    def _status(self, claim: FitClaim) -> Object:
        results = [self._result(each) for each in claim.held]
        status: Object = {}
        if (claim.failed or claim.waits) and results:
            results[0] |= {"bindingConditions": [READY], "bindingFailureConditions": [FAILED]}
        if claim.failed and results:
            device = {field: results[0][field] for field in ("driver", "pool", "device")}
            status["devices"] = [device | {"conditions": [{"type": FAILED, "status": "True"}]}]
        if claim.skips_node_operations and results:
            results[0]["skipNodeOperations"] = ["NodePrepareResources"]
        allocation: Object = {"devices": {"results": results}}
        if claim.nodes is not None:
            allocation["nodeSelector"] = self._slices.allocated_to(claim.nodes)
        return {"allocation": allocation, **status}

    def _result(self, held: AllocatedDevice) -> Object:
        names = self._names
        found: Object = {
            "request": "request",
            "driver": names.of_device("driver", held.driver),
            "pool": names.of_device("pool", held.pool),
            "device": names.of_device("device", held.device),
        }
        if held.share_id is not None:
            found["shareID"] = held.share_id
        if held.consumed:
            amounts = ((name, exact(amount)) for name, amount in held.consumed)
            found["consumedCapacity"] = self._slices.amounts(amounts)
        return found

    def _spec(self, spec: ClaimSpec) -> Object:
        requests = []
        for request in spec.requests:
            found: Object = {"name": self._names.of_device("request", request.name)}
            if request.is_list:
                found["firstAvailable"] = [
                    {"name": self._names.of_device("request", each.name), **self._request(each)}
                    for each in request.alternatives
                ]
            else:
                found["exactly"] = self._request(request.alternatives[0])
            requests.append(found)
        constraints: list[Object] = [self._constraint(each) for each in spec.constraints]
        if spec.empty_constraint is not None:
            constraints = [{"matchAttribute": f"{DOMAIN}/none"}] * spec.empty_constraint + [{}]
        return {"devices": {"requests": requests, "constraints": constraints}}

    def _request(self, asked: SubRequest) -> Object:
        found: Object = {"deviceClassName": self._names.of_device("class", asked.device_class)}
        found |= (
            {"allocationMode": ALL}
            if asked.mode == ALL
            else {"allocationMode": asked.mode, "count": asked.count}
        )
        if asked.selectors:
            found["selectors"] = self._slices.cel(asked.selectors)
        if asked.admin_access:
            found["adminAccess"] = True
        if asked.tolerations:
            found["tolerations"] = [
                {"operator": each.operator, "effect": each.effect}
                | {"key": self._names.of("key", each.key), "value": self._names.of("value", each.value)}
                for each in asked.tolerations
            ]
        if asked.capacities:
            found["capacity"] = {"requests": self._slices.amounts(asked.capacities)}
        if asked.refusal is not None:
            found["allocationMode"] = "Odd"
        return found

    def _constraint(self, constraint: Constraint) -> Object:
        found: Object = {f"{constraint.kind}Attribute": self._slices.attribute_name(constraint.attribute)}
        if constraint.requests:
            found["requests"] = [
                "/".join(self._names.of_device("request", part) for part in each.split("/"))
                for each in sorted(constraint.requests)
            ]
        return found

    # Classes and rules

    def _class(self, each: FitClass) -> Object:
        metadata: Object = {"name": self._names.of_device("class", each.name)}
        if each.created_at:
            metadata["creationTimestamp"] = timestamps.render(each.created_at)
        spec: Object = {"selectors": self._slices.cel(each.selectors)}
        if each.extended_resource:
            spec["extendedResourceName"] = self._names.of("resource", each.extended_resource)
        return {"metadata": metadata, "spec": spec}

    def _rule(self, number: int, rule: FitTaintRule) -> Object:
        names = self._names
        selector: Object = {}
        if rule.driver is not None:
            selector["driver"] = names.of_device("driver", rule.driver)
        if rule.pool is not None:
            selector["pool"] = names.of_device("pool", rule.pool)
        if rule.device is not None:
            selector["device"] = names.of_device("device", rule.device)
        spec: Object = {"taint": {"key": f"{DOMAIN}/none", "effect": "None"}}
        if rule.taint is not None:
            spec = {"deviceSelector": selector, "taint": self._slices.taint(*rule.taint)}
        return {"metadata": {"name": f"rule-{number}"}, "spec": spec}
