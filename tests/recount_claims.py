"""What pods have and ask for by claims, what is left of GPUs, and what is wrong with pools, counted afresh.

Beside tests.recount_dra, which counts GPUs. Written from docs/counting.md and not from the code: no import of
Lens, no index, no order of evaluation. All of it is looked at each time.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations
from typing import Any

from tests.recount import Object

GPU_DRIVERS = ("gpu.nvidia.com", "gpu.amd.com", "gpu.intel.com", "gaudi.intel.com")
_UNITS = {"": 1, "k": 10**3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}

PoolName = tuple[str, str]
DeviceName = tuple[str, str, str]


class Cluster:
    """All that there is."""

    def __init__(
        self,
        pods: Iterable[Object],
        claims: Iterable[Object],
        slices: Iterable[Object],
        classes: Iterable[Object],
        rules: Iterable[Object],
    ) -> None:
        """Take the raw objects."""
        self.pods = [
            pod for pod in pods if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        self.claims = {_path(claim): claim for claim in claims}
        self.classes = {each["metadata"]["name"]: each["spec"] for each in classes}
        self.rules = list(rules)
        self.pools = self._pools(list(slices))

    @staticmethod
    def _pools(slices: list[Object]) -> dict[PoolName, "Pool"]:
        specs = [(each["metadata"]["name"], each["spec"]) for each in slices]
        names = {(spec["driver"], spec["pool"]["name"]) for _, spec in specs}
        found = {}
        for name in names:
            if name[0] in GPU_DRIVERS:
                own = [each for each in specs if (each[1]["driver"], each[1]["pool"]["name"]) == name]
                by_name = [spec for _, spec in sorted(own, key=lambda each: each[0])]
                numbers = sorted({spec["pool"]["generation"] for spec in by_name})
                pool: Pool | None = None
                for number in numbers:
                    of_number = [spec for spec in by_name if spec["pool"]["generation"] == number]
                    pool = Pool(name, of_number, before=pool)
                assert pool is not None
                found[name] = pool
        return found

    # Who holds what

    def held(self) -> Iterator[tuple[DeviceName, Object, Object]]:
        """Go through what claims hold: device, claim, and the entry of the allocation."""
        for claim in self.claims.values():
            allocation = claim.get("status", {}).get("allocation") or {}
            for each in (allocation.get("devices") or {}).get("results") or []:
                if each["driver"] in GPU_DRIVERS and not each.get("adminAccess"):
                    yield (each["driver"], each["pool"], each["device"]), claim, each

    def _known(self, device: DeviceName) -> list["Gpu"]:
        pool = self.pools.get(device[:2])
        return [] if pool is None else pool.gpus_of(device[2])

    def _is_tainted(self, pool: "Pool", device: Object) -> bool:
        taints = list(_fields(device).get("taints") or [])
        for rule in self.rules:
            selector = rule["spec"].get("deviceSelector")
            if selector is None or selector.get("deviceClassName") or selector.get("selectors"):
                continue
            own = {"driver": pool.name[0], "pool": pool.name[1], "device": device["name"]}
            if all(selector.get(part) in (None, own[part]) for part in own):
                taints.append(rule["spec"]["taint"])
        return any(each["effect"] in ("NoSchedule", "NoExecute") for each in taints)

    def largest_left(self) -> dict[tuple[str, str, str, str], str | None]:
        """Return the largest device that could still be allocated of each GPU with counters."""
        found = {}
        held = {device for device, _, _ in self.held()}
        for pool in self.pools.values():
            for gpu in pool.gpus:
                if gpu.counter_set is None:
                    continue
                fitting = [
                    each
                    for each in gpu.devices
                    if pool.wrong is None
                    and not self._is_tainted(pool, each)
                    and (*pool.name, each["name"]) not in held
                    and pool.allows(each, held)
                ]
                sizes = [(_memory(each), pool.share(gpu.counter_set, each), each["name"]) for each in fitting]
                best = [each for each in sizes if each[:2] == max(size[:2] for size in sizes)]
                found[(*pool.name, "set", gpu.name)] = min(best)[2] if best else None
        # The scheduler allocates nothing of what only older generations list.
        for device in held:
            for gpu in self._known(device):
                if gpu.counter_set is not None:
                    found.setdefault((*device[:2], "set", gpu.name), None)
        return found

    # Pods

    def claims_of(self, pod: Object) -> list[str | None]:
        """Return the names of a pod's claims; None for one that isn't there yet."""
        status = pod.get("status") or {}
        made = {each["name"]: each for each in status.get("resourceClaimStatuses") or []}
        names: list[str | None] = []
        for each in (pod.get("spec") or {}).get("resourceClaims") or []:
            if each.get("resourceClaimName"):
                names.append(each["resourceClaimName"])
            elif each["name"] not in made:
                names.append(None)
            elif made[each["name"]].get("resourceClaimName"):
                names.append(made[each["name"]]["resourceClaimName"])
        if extended := status.get("extendedResourceClaimStatus"):
            names.append(extended["resourceClaimName"])
        return names

    def _counted_claims(self, pod: Object) -> list[str | None]:
        """Leave out the claim for what a pod that isn't bound asks for by the names of resources."""
        names = self.claims_of(pod)
        spec = pod.get("spec") or {}
        asked = [
            name
            for each in spec.get("containers") or []
            for name, number in (each.get("resources") or {}).get("requests", {}).items()
            if name == "nvidia.com/gpu" and number != "0"
        ]
        extended = (pod.get("status") or {}).get("extendedResourceClaimStatus")
        return names[:-1] if extended and asked and not spec.get("nodeName") else names

    def gpus_of(self, pod: Object) -> int:
        """Return on how many physical GPUs a pod is by its claims."""
        namespace = pod["metadata"].get("namespace", "")
        claims = [self.claims.get((namespace, name or "")) for name in self._counted_claims(pod)]
        usable = [claim for claim in claims if claim and self._is_for(claim, pod)]
        found: set[object] = set()
        for device, claim, _ in self.held():
            if any(claim is each for each in usable):
                known = self._known(device)
                found |= {id(gpu) for gpu in known} if known else {device}
        return len(found)

    @staticmethod
    def _is_for(claim: Object, pod: Object) -> bool:
        reserved = claim.get("status", {}).get("reservedFor") or []
        return any(each["resource"] != "pods" or each["uid"] == pod["metadata"]["uid"] for each in reserved)

    def asked(self, pod: Object) -> int | None:
        """Return how many devices of GPUs a pod's claims ask for that aren't allocated; None if none do."""
        numbers = []
        for name in self._counted_claims(pod):
            claim = self.claims.get((pod["metadata"].get("namespace", ""), name or ""))
            if claim is None or claim.get("status", {}).get("allocation") is not None:
                continue
            for request in claim["spec"]["devices"]["requests"]:
                exact = request.get("exactly", request)
                if not exact.get("adminAccess") and self._is_of_gpus(exact["deviceClassName"]):
                    numbers.append(0 if exact["allocationMode"] == "All" else exact["count"])
        return sum(numbers) if numbers else None

    def _is_of_gpus(self, name: str) -> bool:
        if name not in self.classes:
            return name in GPU_DRIVERS
        spec = self.classes[name]
        texts = [each["cel"]["expression"] for each in spec.get("selectors") or []]
        return spec.get("extendedResourceName") == "nvidia.com/gpu" or any(
            f'== "{driver}"' in text for text in texts for driver in GPU_DRIVERS
        )

    def without_pod(self) -> set[str]:
        """Return the claims that hold GPUs for no pod."""
        found = set()
        for _, claim, _ in self.held():
            namespace = claim["metadata"]["namespace"]
            reserved = claim.get("status", {}).get("reservedFor") or []
            pods = [
                pod
                for pod in self.pods
                if pod["metadata"].get("namespace", "") == namespace
                and (
                    any(
                        (each["resource"], each["name"], each["uid"])
                        == ("pods", pod["metadata"]["name"], pod["metadata"]["uid"])
                        for each in reserved
                    )
                    and claim["metadata"]["name"] in self.claims_of(pod)
                )
            ]
            if not pods:
                found.add("/".join(_path(claim)))
        return found


class Gpu:
    """A physical GPU: devices, and the counter set that they draw on."""

    def __init__(self, devices: list[Object], counter_set: str | None) -> None:
        """Take the counter set, if there is one."""
        self.devices = devices
        self.counter_set = counter_set
        self.name = counter_set or min(each["name"] for each in devices)

    def has(self, name: str) -> bool:
        """Tell whether a device is of this GPU."""
        return any(each["name"] == name for each in self.devices)


class Pool:
    """A generation of a pool, which knows the one before it."""

    def __init__(self, name: PoolName, specs: list[Object], before: "Pool | None" = None) -> None:
        """Take the slices of this generation."""
        self.name = name
        self._specs = specs
        self._before = before
        self.wrong = self._wrong()
        self.gpus = self._gpus()

    def gpus_of(self, device: str) -> list[Gpu]:
        """Return a device's GPUs, by the newest generation that lists it; none if no generation does."""
        later: list[Pool] = []
        pool: Pool | None = self
        while pool is not None:
            own = [gpu for gpu in pool.gpus if gpu.has(device)]
            if own:
                return list({id(each): each for gpu in own for each in [pool._as_later(gpu, later)]}.values())
            later.append(pool)
            pool = pool._before
        return []

    def _as_later(self, gpu: Gpu, later: list["Pool"]) -> Gpu:
        """Return a GPU as later generations have it, from the newest; itself if none has."""
        candidates: list[tuple[Gpu, Gpu, set[tuple[str, str]]]] = []
        for at, pool in enumerate(later):
            for each in pool.in_order():
                there = pool._as_later(each, later[:at])
                listed = {device["name"] for newer in later[:at] for device in newer.devices()}
                # Of nothing but devices that newer generations have elsewhere, it is no GPU by itself.
                if there is not each or any(device["name"] not in listed for device in each.devices):
                    candidates.append((each, there, {*pool._marks(each)}))
        if gpu.counter_set is not None:
            for each, there, _ in candidates:
                if each.counter_set == gpu.counter_set:
                    return there
        own = {*self._marks(gpu)}
        return next((there for _, there, marks in candidates if own & marks), gpu)

    def in_order(self) -> list[Gpu]:
        """Return the GPUs: those of counter sets first, and by name."""
        return sorted(self.gpus, key=lambda gpu: (gpu.counter_set is None, gpu.name))

    def _marks(self, gpu: Gpu) -> list[tuple[str, str]]:
        return [mark for device in gpu.devices for mark in self._ids(device)]

    def devices(self) -> list[Object]:
        """Return the devices; of two with one name the first."""
        found: dict[str, Object] = {}
        for spec in self._specs:
            for each in spec.get("devices") or []:
                found.setdefault(each["name"], each)
        return list(found.values())

    def node_of(self, device: Object) -> str | None:
        """Return a device's node; None if it belongs to none."""
        for spec in self._specs:
            if any(each is device for each in spec.get("devices") or []):
                own = (
                    _fields(device).get("nodeName")
                    if spec.get("perDeviceNodeSelection")
                    else spec.get("nodeName")
                )
                return own or None
        raise AssertionError(device)

    def counters(self, counter_set: str) -> Object | None:
        """Return what a counter set has in all; None for none."""
        for spec in self._specs:
            for each in spec.get("sharedCounters") or []:
                if each["name"] == counter_set:
                    return dict(each["counters"])
        return None

    def left(self, counter_set: str, counter: str, held: set[DeviceName]) -> Fraction:
        """Return what held devices leave of a counter."""
        left = _amount((self.counters(counter_set) or {})[counter])
        for each in self.devices():
            if (*self.name, each["name"]) in held:
                left -= _amount(_draws(each).get(counter_set, {}).get(counter, {"value": 0}))
        return left

    def allows(self, device: Object, held: set[DeviceName]) -> bool:
        """Tell whether counters are left for a device: none is that draws on some while one is overdrawn."""
        drawn = {
            (name, counter): _amount(value)
            for name, counters in _draws(device).items()
            for counter, value in counters.items()
        }
        left = {
            (each["name"], counter): self.left(each["name"], counter, held)
            for spec in self._specs
            for each in spec.get("sharedCounters") or []
            for counter in each["counters"]
        }
        return not drawn or all(amount >= drawn.get(counter, 0) for counter, amount in left.items())

    def share(self, counter_set: str, device: Object) -> Fraction:
        """Return how much of a counter set a device draws, as a sum of shares."""
        totals = self.counters(counter_set) or {}
        return sum(
            (
                _amount(value) / _amount(totals[counter])
                for counter, value in _draws(device).get(counter_set, {}).items()
                if _amount(totals[counter])
            ),
            Fraction(),
        )

    def _wrong(self) -> str | None:
        if any(spec["pool"]["resourceSliceCount"] != len(self._specs) for spec in self._specs):
            return "INCOMPLETE"
        names = [each["name"] for spec in self._specs for each in spec.get("devices") or []]
        if len(names) != len(set(names)):
            return "DUPLICATE_DEVICE"
        sets = [each["name"] for spec in self._specs for each in spec.get("sharedCounters") or []]
        if len(sets) != len(set(sets)):
            return "DUPLICATE_COUNTER_SET"
        for device in self.devices():
            for name, drawn in _draws(device).items():
                there = self.counters(name)
                if there is None:
                    return "MISSING_COUNTER_SET"
                if set(drawn) - set(there):
                    return "MISSING_COUNTER"
        return None

    def _gpus(self) -> list[Gpu]:
        devices = self.devices()
        sets = sorted({name for each in devices for name in _draws(each)})
        groups = [[each for each in devices if name in _draws(each)] for name in sets]
        groups += [[each] for each in devices if not _draws(each)]
        titles: list[str | None] = [*sets, *([None] * (len(groups) - len(sets)))]
        # Merge what is the same GPU, but never two counter sets.
        merged = True
        while merged:
            merged = False
            for one, two in combinations(range(len(groups)), 2):
                if titles[two] is None and self._same(groups[one], groups[two]):
                    groups[one] += groups.pop(two)
                    titles.pop(two)
                    merged = True
                    break
        return [Gpu(group, title) for group, title in zip(groups, titles, strict=True)]

    def _same(self, one: list[Object], two: list[Object]) -> bool:
        ids = [{each for device in group for each in self._ids(device)} for group in (one, two)]
        return bool(ids[0] & ids[1])

    def _ids(self, device: Object) -> Iterator[tuple[str, str]]:
        texts = {
            name: value.get("string") for name, value in (_fields(device).get("attributes") or {}).items()
        }
        if texts.get("parentUUID"):
            yield "uuid", texts["parentUUID"]
        elif texts.get("uuid") and "mig" not in (texts.get("type") or ""):
            yield "uuid", texts["uuid"]
        node = self.node_of(device)
        if texts.get("resource.kubernetes.io/pciBusID") and node is not None:
            yield f"pci of {node}", texts["resource.kubernetes.io/pciBusID"]


def _fields(device: Object) -> Mapping[str, Any]:
    return device.get("basic") or device


def _draws(device: Object) -> dict[str, Object]:
    return {each["counterSet"]: each["counters"] for each in _fields(device).get("consumesCounters") or []}


def _memory(device: Object) -> Fraction:
    value = (_fields(device).get("capacity") or {}).get("memory", 0)
    return _amount(value if isinstance(value, dict) else {"value": value})


def _amount(counter: Object) -> Fraction:
    text = str(counter["value"])
    digits = text.rstrip("KMGik")
    return Fraction(digits) * _UNITS[text.removeprefix(digits)]


def _path(claim: Object) -> tuple[str, str]:
    return claim["metadata"]["namespace"], claim["metadata"]["name"]
