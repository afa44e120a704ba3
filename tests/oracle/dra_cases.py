"""Devices, claims and classes made by seed, for fleets with dynamic resource allocation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.oracle.cases import Maker

Object = dict[str, Any]

GPU, NIC = "gpu.example.com", "nic.example.com"
PRODUCTS = ("A", "B")
TAINT = "example.com/broken"
SERVED = "nvidia.com/gpu"
"""The extended resource that a class may serve."""

SHARED_CLAIMS = ("one", "two", "three")

_SELECTORS = (
    f"device.driver == '{GPU}'",
    f"device.driver == '{NIC}'",
    f"device.driver == '{GPU}' && device.attributes['{GPU}'].product == 'A'",
    f"'product' in device.attributes['{GPU}'] && device.attributes['{GPU}'].product in ['B', 'C']",
    f"device.capacity['{GPU}'].?memory.orValue(quantity('0')).compareTo(quantity('40Gi')) >= 0",
    f"cel.bind(own, device.attributes['{GPU}'], has(own.index) && own.index < 3)",
    f"cel.bind(own, device.attributes['{GPU}'], has(own.version) && own.version.isLessThan(semver('2.0.0')))",
    "device.allowMultipleAllocations",
    "!device.allowMultipleAllocations",
    "has(device.allowMultipleAllocations)",
    f"'\\x70roduct' in device.attributes['{GPU}']",
    f"cel.bind(own, device.attributes['{GPU}'], own[?'PRODUCT'.lowerAscii()].hasValue())",
    f"device.attributes['{GPU}'].?`product`.orValue(' . ') == 'B'",
    f"device.capacity['{GPU}'].?memory.orValue(quantity('0.5')).isInteger()",
    "true",
)
_FAILING = (
    f"device.attributes['{GPU}'].product == 'A'",  # no such key in others
    f"device.attributes['{GPU}'].index > 'a'",
)


class DeviceMaker:
    """Makes what a fleet has of resource.k8s.io."""

    def __init__(self, maker: "Maker", nodes: list[Object]) -> None:
        """Take the source of chance and the nodes."""
        self._m = maker
        self._nodes = nodes
        self._names = 0
        self._slices: list[Object] = []
        self._failing = maker.chance(8)
        # What keeps everything off everything would be all that is tried.
        self._odd = 3 if maker.chance(80) else 20

    def add_to(self, fleet: Object) -> None:
        """Add objects to a fleet, and claims to the pods that are asked about."""
        m = self._m
        for node in self._nodes:
            if m.chance(80):
                self._node_pool(node["metadata"]["name"])
        for make, percent in (
            (self._shared_pool, 25),
            (self._selected_pool, 20),
            (self._per_device_pool, 20),
            (self._spread_pool, 10),
        ):
            if m.chance(percent):
                make()
        fleet["resourceSlices"] = self._slices
        fleet["deviceClasses"] = self._classes()
        fleet["deviceTaintRules"] = m.many(2, self._rule) if m.chance(15) else []
        fleet["resourceClaims"] = [
            *m.many(4, self._allocated_claim),
            *(self._shared_claim(name) for name in SHARED_CLAIMS),
        ]
        fleet["templates"] = {f"template-{number}": self._spec() for number in range(4)}
        for pod in fleet["asked"]:
            self._ask(pod)

    def _ask(self, pod: Object) -> None:
        m = self._m
        if m.chance(75):
            claims: list[Object] = []
            for index in range(m.one((1, 1, 1, 2))):
                claim: Object = {"name": f"claim-{index}"}
                if m.chance(75):
                    claim["resourceClaimTemplateName"] = m.one([f"template-{number}" for number in range(4)])
                else:
                    claim["resourceClaimName"] = m.one(SHARED_CLAIMS) if m.chance(95) else "absent"
                if all(
                    claim.get("resourceClaimName", "") != each.get("resourceClaimName") for each in claims
                ):
                    claims.append(claim)
            pod["spec"]["resourceClaims"] = claims
            pod["metadata"]["namespace"] = "default"
        if m.chance(25):
            # Of two classes that serve one resource the older may lose its own name: by chance.
            resource = m.one((SERVED, "deviceclass.resource.kubernetes.io/nic"))
            for container in pod["spec"]["containers"]:
                if m.chance(70):
                    requests = container.setdefault("resources", {}).setdefault("requests", {})
                    requests[resource] = m.one(("1", "1", "2"))
            for container in pod["spec"].get("initContainers", ()):
                if m.chance(40):
                    requests = container.setdefault("resources", {}).setdefault("requests", {})
                    requests[resource] = m.one(("1", "2", "3"))

    # -- slices

    def _slice(self, driver: str, pool: str, count: int, generation: int, **spec: Any) -> Object:
        self._names += 1
        return {
            "metadata": {"name": f"slice-{self._m.one('abcdef')}{self._names}"},
            "spec": {
                "driver": driver,
                "pool": {"name": pool, "generation": generation, "resourceSliceCount": count},
                **spec,
            },
        }

    def _node_pool(self, node: str) -> None:
        m = self._m
        driver = m.one((GPU, GPU, GPU, NIC))
        kind = m.one(("plain", "plain", "plain", "counters", "shared"))
        devices = [self._device(driver, index, kind) for index in range(m.one((1, 2, 2, 3, 4, 6)))]
        generation = m.one((1, 2))
        slices: list[Object] = []
        place = {"nodeName": node}
        if kind == "counters":
            slices.append({"sharedCounters": self._counter_sets(), **place})
        if len(devices) > 2 and m.chance(40):
            slices += [{"devices": devices[:2], **place}, {"devices": devices[2:], **place}]
        else:
            slices.append({"devices": devices, **place})
        count = len(slices) + (1 if m.chance(self._odd) else 0)
        self._slices += [self._slice(driver, node, count, generation, **each) for each in slices]
        if m.chance(10):
            old = [self._device(driver, index, "plain") for index in range(3)]
            self._slices.append(self._slice(driver, node, 1, generation - 1, devices=old, **place))
        if m.chance(self._odd) and m.chance(30):
            self._slices[-1]["spec"]["devices"] = devices[:1] * 2

    def _shared_pool(self) -> None:
        devices = [self._device(NIC, index, self._m.one(("plain", "shared"))) for index in range(3)]
        count = 2 if self._m.chance(self._odd) else 1
        self._slices.append(self._slice(NIC, "fabric", count, 1, allNodes=True, devices=devices))

    def _selected_pool(self) -> None:
        zone = self._m.one(("a", "b"))
        terms = [
            {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}
        ]
        devices = [self._device(GPU, index, "plain") for index in range(2)]
        self._slices.append(
            self._slice(GPU, f"zone-{zone}", 1, 1, nodeSelector={"nodeSelectorTerms": terms}, devices=devices)
        )

    def _per_device_pool(self) -> None:
        m = self._m
        devices = []
        for index in range(4):
            device = self._device(GPU, index, "plain")
            if m.chance(70):
                device["nodeName"] = m.one(self._nodes)["metadata"]["name"]
            else:
                device["allNodes"] = True
            devices.append(device)
        self._slices.append(self._slice(GPU, "each", 1, 1, perDeviceNodeSelection=True, devices=devices))

    def _spread_pool(self) -> None:
        """Make a pool with a slice for each of some nodes, which draw on the same counters."""
        m = self._m
        names = [node["metadata"]["name"] for node in m.some(self._nodes, 3)]
        slices: list[Object] = [{"sharedCounters": self._counter_sets(), "allNodes": True}]
        slices += [
            {"devices": [self._device(GPU, 10 * number, "counters")], "nodeName": name}
            for number, name in enumerate(names)
        ]
        count = len(slices) + (1 if m.chance(self._odd) else 0)
        self._slices += [self._slice(GPU, "spread", count, 1, **each) for each in slices]

    @staticmethod
    def _counter_sets() -> list[Object]:
        return [
            {"name": f"set-{number}", "counters": {"slots": {"value": "4"}, "memory": {"value": "40Gi"}}}
            for number in range(2)
        ]

    def _device(self, driver: str, index: int, kind: str) -> Object:
        m = self._m
        attributes: Object = {"index": {"int": index}, f"{driver}/numa": {"int": index % 2}}
        if m.chance(90):
            attributes["product"] = {"string": m.one(PRODUCTS)}
        if m.chance(50):
            attributes["version"] = {"version": m.one(("1.2.3", "2.0.0", "2.0.0-rc.1"))}
        if m.chance(30):
            attributes["example.org/fast"] = {"bool": m.chance(50)}
        device: Object = {"name": f"{m.one('xyz')}-{index}", "attributes": attributes}
        if m.chance(70) or kind == "shared":
            device["capacity"] = {"memory": {"value": m.one(("16Gi", "40Gi", "80Gi"))}}
        if kind == "counters":
            amount = m.one(("1", "2", "4"))
            consumes = {"slots": {"value": amount}, "memory": {"value": m.one(("10Gi", "20Gi"))}}
            device["consumesCounters"] = [{"counterSet": f"set-{index % 2}", "counters": consumes}]
        if kind == "shared" and m.chance(85):
            device["allowMultipleAllocations"] = True
            policy = self._policy()
            if policy is not None:
                device["capacity"]["memory"]["requestPolicy"] = policy
            if m.chance(30):
                device["capacity"]["slots"] = {"value": "4", "requestPolicy": {"default": "1"}}
        if m.chance(10):
            device["taints"] = [self._taint()]
        if m.chance(4):
            device["bindingConditions"] = ["example.com/ready"]
            device["bindingFailureConditions"] = ["example.com/failed"]
        if m.chance(3):
            device["bindsToNode"] = True
        return device

    def _policy(self) -> Object | None:
        return self._m.one(
            (
                None,
                {"default": "4Gi"},
                {"default": "4Gi", "validValues": ["4Gi", "8Gi", "16Gi"]},
                {"default": "4Gi", "validRange": {"min": "4Gi", "max": "32Gi", "step": "4Gi"}},
                {"default": "2Gi", "validRange": {"min": "2Gi"}},
            )
        )

    def _taint(self) -> Object:
        taint = {"key": TAINT, "effect": self._m.one(("NoSchedule", "NoExecute", "None"))}
        return {**taint, "value": "yes"} if self._m.chance(50) else taint

    def _rule(self) -> Object:
        m = self._m
        self._names += 1
        selector: Object = {}
        if m.chance(70):
            selector["driver"] = m.one((GPU, NIC))
        if m.chance(40):
            selector["pool"] = m.one(self._nodes)["metadata"]["name"]
        if m.chance(40):
            selector["device"] = f"{m.one('xyz')}-{m.one((0, 1, 2))}"
        return {
            "metadata": {"name": f"rule-{self._names}"},
            "spec": {"deviceSelector": selector, "taint": self._taint()},
        }

    # -- classes

    def _classes(self) -> list[Object]:
        m = self._m
        of_gpus = [self._cel(f"device.driver == '{GPU}'")]
        classes: list[Object] = [
            {"metadata": {"name": "gpu"}, "spec": {"selectors": of_gpus}},
            {"metadata": {"name": "nic"}, "spec": {"selectors": [self._cel(f"device.driver == '{NIC}'")]}},
            {"metadata": {"name": "any"}, "spec": {}},
        ]
        if m.chance(40):
            classes[0]["spec"]["extendedResourceName"] = SERVED
        if m.chance(20):
            classes[2]["spec"]["extendedResourceName"] = SERVED
            classes[2]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
        return classes

    @staticmethod
    def _cel(expression: str) -> Object:
        return {"cel": {"expression": expression}}

    # -- claims

    def _spec(self) -> Object:
        m = self._m
        requests = [self._request(f"r{number}") for number in range(m.one((1, 1, 1, 2, 2, 3)))]
        devices: Object = {"requests": requests}
        if m.chance(30):
            devices["constraints"] = m.many(2, lambda: self._constraint(requests), least=1)
        return {"devices": devices}

    def _request(self, name: str) -> Object:
        if self._m.chance(20):
            alternatives = [{"name": f"a{number}", **self._exact(sub=True)} for number in range(2)]
            return {"name": name, "firstAvailable": alternatives}
        return {"name": name, "exactly": self._exact()}

    def _exact(self, *, sub: bool = False) -> Object:
        m = self._m
        exact: Object = {
            "deviceClassName": m.one(("gpu", "gpu", "gpu", "nic", "any")) if m.chance(98) else "absent"
        }
        exact |= {"allocationMode": "ExactCount", "count": m.one((1, 1, 1, 2, 2, 3, 4))}
        if m.chance(12):
            exact["allocationMode"] = "All"
            del exact["count"]
        elif m.chance(3):
            exact["count"] = m.one((20, 33))
        if m.chance(45):
            pool = _FAILING if self._failing and m.chance(50) else _SELECTORS
            exact["selectors"] = [self._cel(m.one(pool)) for _ in range(m.one((1, 1, 2)))]
        if m.chance(20):
            exact["tolerations"] = [self._toleration()]
        if m.chance(20):
            amounts = {"memory": m.one(("1Gi", "5Gi", "8Gi", "20Gi", "60Gi"))}
            if m.chance(15):
                amounts["slots"] = m.one(("1", "2"))
            exact["capacity"] = {"requests": amounts}
        if not sub and m.chance(5):
            exact["adminAccess"] = True
        return exact

    def _toleration(self) -> Object:
        m = self._m
        toleration: Object = {"operator": m.one(("Exists", "Exists", "Equal"))}
        if m.chance(80):
            toleration["key"] = TAINT
        if toleration["operator"] == "Equal":
            toleration["value"] = m.one(("yes", "no"))
            toleration.setdefault("key", TAINT)
        if m.chance(40):
            toleration["effect"] = m.one(("NoSchedule", "NoExecute"))
        return toleration

    def _constraint(self, requests: list[Object]) -> Object:
        m = self._m
        kind = m.one(("matchAttribute", "matchAttribute", "distinctAttribute"))
        attribute = m.one(
            (f"{GPU}/numa", f"{GPU}/product", f"{GPU}/index", "example.org/fast", f"{GPU}/version")
        )
        constraint: Object = {kind: attribute}
        if m.chance(40):
            request = m.one(requests)
            name = request["name"]
            if "firstAvailable" in request and m.chance(50):
                name = f"{name}/a0"
            constraint["requests"] = [name]
        return constraint

    def _allocated_claim(self) -> Object:
        self._names += 1
        claim = self._claim(f"held-{self._names}")
        claim["status"] = {"allocation": self._allocation()}
        return claim

    def _shared_claim(self, name: str) -> Object:
        m = self._m
        claim = self._claim(name)
        if m.chance(40):
            claim["status"] = {"allocation": self._allocation()}
        if m.chance(4):
            claim["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            claim["metadata"]["finalizers"] = ["example.com/hold"]
        return claim

    def _claim(self, name: str) -> Object:
        return {"metadata": {"name": name, "namespace": "default"}, "spec": self._spec()}

    def _allocation(self) -> Object:
        m = self._m
        allocation: Object = {}
        results = []
        with_devices = [each for each in self._slices if each["spec"].get("devices")]
        for _ in range(m.one((1, 2))):
            if not with_devices:
                break
            of_slice = m.one(with_devices)["spec"]
            device = m.one(of_slice["devices"])
            result: Object = {
                "request": "r0",
                "driver": of_slice["driver"],
                "pool": of_slice["pool"]["name"],
                "device": device["name"],
            }
            if device.get("allowMultipleAllocations"):
                self._names += 1
                result["shareID"] = f"00000000-0000-0000-0000-{self._names:012}"
                if m.chance(80):
                    result["consumedCapacity"] = {"memory": m.one(("4Gi", "8Gi", "16Gi"))}
            if m.chance(8):
                result["adminAccess"] = True
            results.append(result)
            node = of_slice.get("nodeName")
            if node and m.chance(90):
                field = {"key": "metadata.name", "operator": "In", "values": [node]}
                allocation["nodeSelector"] = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        allocation["devices"] = {"results": results}
        return allocation


def expanded(fleet: Object) -> Object:
    """Return a fleet as an apiserver has it: with a claim for each template that an asked pod names."""
    if not fleet.get("templates"):
        return {key: value for key, value in fleet.items() if key != "templates"}
    claims = list(fleet.get("resourceClaims", []))
    asked = []
    for index, pod in enumerate(fleet["asked"]):
        statuses = []
        for each in pod["spec"].get("resourceClaims", ()):
            template = each.get("resourceClaimTemplateName")
            if template is None:
                continue
            name = f"asked-{index}-{each['name']}"
            owner = {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": pod["metadata"]["name"],
                "uid": f"asked-{index}",
                "controller": True,
            }
            meta = {
                "name": name,
                "namespace": pod["metadata"].get("namespace", "default"),
                "ownerReferences": [owner],
            }
            claims.append({"metadata": meta, "spec": fleet["templates"][template]})
            statuses.append({"name": each["name"], "resourceClaimName": name})
        if statuses:
            pod = {**pod, "status": {**pod["status"], "resourceClaimStatuses": statuses}}
        asked.append(pod)
    rest = {key: value for key, value in fleet.items() if key != "templates"}
    return {**rest, "asked": asked, "resourceClaims": claims}
