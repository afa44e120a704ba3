"""The GPUs of dynamic resource allocation counted afresh from the API's raw objects; see tests.recount.

Written from the rules (docs/counting.md) over names of GPUs, where Lens keeps counts: a GPU is a set of
devices, and what is asked of it is asked of that set. No expression is evaluated here: what a claim asks for
bears on the scheduler alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from tests.recount import amount_of, recount_by_vendor, sum_rows, takes_gpu_pods
from tests.recount_products import labelled, sum_up

Object = Mapping[str, Any]
Pool = tuple[str, str]  # driver and name
Device = tuple[str, str, str]  # driver, pool and name
Gpu = tuple[str, str, str, str]  # driver, pool, and what tells it from the pool's others

DRIVERS = ("gpu.nvidia.com", "gpu.amd.com", "gpu.intel.com", "gaudi.intel.com")
STATES = ("allocated", "unhealthy", "unavailable", "available")

_DOMAINS = {
    "gpu.nvidia.com": "nvidia.com",
    "gpu.amd.com": "amd.com",
    "gpu.intel.com": "gpu.intel.com",
    "gaudi.intel.com": "habana.ai",
}


class Objects(NamedTuple):
    """The objects of `resource.k8s.io` that counting needs, of whichever version."""

    claims: Iterable[Object] = ()
    slices: Iterable[Object] = ()
    rules: Iterable[Object] = ()


class Listed(NamedTuple):
    """A device as a generation of its pool has it."""

    gpus: frozenset[Gpu]
    node: str | None
    tainted: bool
    product: str | None
    is_part: bool
    marks: frozenset[Any]


def recount_dra(
    pods: Iterable[Object], nodes: Iterable[Object], objects: Objects, drivers: Iterable[str] = DRIVERS
) -> dict[str, Any]:
    """Return all figures, and ``nodes``, ``tasks``, ``pools`` and ``gpus`` behind them.

    ``nodes`` has a row under None for the GPUs of no node. ``unknown`` is the number of GPUs in no state,
    None where nobody can know it.
    """
    claims = [claim for claim in objects.claims if _results(claim)]
    drivers = frozenset(drivers)
    generations = _generations(objects.slices, drivers)
    pools = {pool: every[0] for pool, every in generations.items()}
    listed = {
        device: facts
        for pool, slices in pools.items()
        for device, facts in _listed(pool, slices, list(objects.rules)).items()
    }
    gpus_of: dict[Device, frozenset[Gpu]] = {}
    outdated: dict[Gpu, dict[Device, Listed]] = {}
    for pool, every in generations.items():
        of_devices, only_there = _every_generation(pool, every)
        gpus_of |= of_devices
        outdated |= only_there
    errors = {pool: _error(slices) for pool, slices in pools.items()}

    places: dict[Gpu, set[str | None]] = {}
    healthy: set[Gpu] = set()
    for facts in listed.values():
        for gpu in facts.gpus:
            places.setdefault(gpu, set()).add(facts.node)
            if not facts.tainted:
                healthy.add(gpu)

    held: set[Gpu] = set()
    for claim in sorted(claims, key=_key):
        for device in _held(claim, drivers):
            held |= _gpus(device, gpus_of)
            for gpu in _gpus(device, gpus_of):
                if gpu in outdated:
                    places[gpu] = {facts.node for facts in outdated[gpu].values()}
                # Of claims that contradict each other the first by name is right.
                places.setdefault(gpu, {_selected_node(claim)})

    is_open = {node["metadata"]["name"]: takes_gpu_pods(node) for node in nodes}
    gpus: dict[Gpu, dict[str, Any]] = {}
    unknown: Counter[tuple[Pool, str | None]] = Counter()
    for gpu, on in places.items():
        node = next(iter(on)) if len(on) == 1 else None
        if gpu in held:
            state = "allocated"
        elif errors[gpu[:2]] is not None:
            unknown[gpu[:2], node] += 1
            continue
        elif gpu not in healthy:
            state = "unhealthy"
        elif (node is not None and not is_open.get(node)) or not any(
            gpu in facts.gpus and not facts.tainted and _has_counters(device, pools[gpu[:2]], claims)
            for device, facts in listed.items()
        ):
            state = "unavailable"
        else:
            state = "available"
        gpus[gpu] = {"node": node, "state": state}

    pods = list(pods)
    tasks = _tasks(pods, claims, gpus_of, drivers)
    running = {_key(pod) for pod in pods if pod.get("status", {}).get("phase") == "Running"}
    where = {each["node"] for each in gpus.values()} | {node for _, node in unknown}
    uncounted: set[str | None] = set()  # nodes with GPUs of a pool that lacks slices
    for pool, slices in pools.items():
        if errors[pool] is not None and not _tells_all(slices):
            uncounted |= {_node_of(slice_["spec"], {}) for slice_ in slices}
    rows = {}
    for node in where | uncounted:
        states = Counter(each["state"] for each in gpus.values() if each["node"] == node)
        more = sum(number for (_, on_node), number in unknown.items() if on_node == node)
        rows[node] = {
            **{state: states[state] for state in STATES},
            "unknown": None if node in uncounted else more,
        }
    return {
        **{f"{state}_gpus": sum(row[state] for row in rows.values()) for state in STATES},
        "total_gpus": len(gpus),
        "unknown_gpus": None if uncounted else unknown.total(),
        "nodes": rows,
        "tasks": {key: task for key, task in tasks.items() if key in running},
        "nodes_of_pods": {task["node"] for task in tasks.values()},
        "pools": {pool: _pool(pool, slices, listed, claims) for pool, slices in pools.items()},
        "gpus": gpus,
        "products": {gpu: _product(gpu, outdated.get(gpu, listed)) for gpu in gpus},
    }


def _product(gpu: Gpu, listed: Mapping[Device, Listed]) -> tuple[str | None, str | None]:
    """Return what the driver says a GPU is, whole GPUs before their parts, or why nobody can know it."""
    own = [(facts.is_part, device, facts) for device, facts in listed.items() if gpu in facts.gpus]
    names = [facts.product for _, _, facts in sorted(own, key=lambda each: each[:2]) if facts.product]
    if names:
        separator = "_" if gpu[0] == "gpu.amd.com" else "-"
        return separator.join(names[0].split()), None
    return None, "UNKNOWN_PRODUCT" if own else "SLICE_GONE"


def _generations(slices: Iterable[Object], drivers: frozenset[str]) -> dict[Pool, list[list[Object]]]:
    """Return the slices of each pool by their generation, the newest first."""
    pools: dict[Pool, list[Object]] = {}
    for slice_ in slices:
        spec = slice_["spec"]
        if spec["driver"] in drivers:
            pools.setdefault((spec["driver"], spec["pool"]["name"]), []).append(slice_)
    return {
        pool: [
            [each for each in every if _generation(each) == generation]
            for generation in sorted({_generation(each) for each in every}, reverse=True)
        ]
        for pool, every in pools.items()
    }


def _generation(slice_: Object) -> int:
    return int(slice_["spec"]["pool"].get("generation", 0))


def _tells_all(slices: list[Object]) -> bool:
    """Tell whether no slice is missing, so that the GPUs can at least be counted."""
    return all(len(slices) >= each["spec"]["pool"]["resourceSliceCount"] for each in slices)


def _error(slices: list[Object]) -> str | None:
    """Return why the scheduler takes nothing from a pool."""
    if any(len(slices) != each["spec"]["pool"]["resourceSliceCount"] for each in slices):
        return "incomplete"
    sets = [each for slice_ in slices for each in slice_["spec"].get("sharedCounters") or []]
    counters = {each["name"]: set(each.get("counters") or {}) for each in sets}
    devices = [device for slice_ in slices for device in _devices(slice_)]
    names = [device["name"] for device in devices]
    missing = any(
        not set(used.get("counters") or {}) <= counters.get(used["counterSet"], set())
        or used["counterSet"] not in counters
        for device in devices
        for used in device.get("consumesCounters") or []
    )
    unique = len(set(names)) == len(names) and len(counters) == len(sets)
    return "invalid" if missing or not unique else None


def _devices(slice_: Object) -> list[dict[str, Any]]:
    """Return a slice's devices as v1 has them; up to v1beta1 all but the name is in `basic`."""
    return [
        {**(device.get("basic") or {}), **{name: value for name, value in device.items() if name != "basic"}}
        for device in slice_["spec"].get("devices") or []
    ]


def _node_of(spec: Object, device: Object) -> str | None:
    if spec.get("perDeviceNodeSelection"):
        return device.get("nodeName") or None
    return spec.get("nodeName") or None


def _listed(pool: Pool, slices: list[Object], rules: list[Object]) -> dict[Device, Listed]:
    by_name = sorted(slices, key=lambda slice_: str(slice_["metadata"]["name"]))
    devices: dict[str, tuple[Object, dict[str, Any]]] = {}
    for slice_ in by_name:
        for device in _devices(slice_):
            devices.setdefault(device["name"], (slice_["spec"], device))
    # Devices with a mark in common, or linked by others that have, are of one GPU.
    alike: list[tuple[set[str], set[Any]]] = []
    for name, (spec, device) in devices.items():
        names, marks = {name}, _marks(pool, _node_of(spec, device), device)
        for each in [each for each in alike if each[1] & marks]:
            alike.remove(each)
            names, marks = names | each[0], marks | each[1]
        alike.append((names, marks))
    found: dict[Device, Listed] = {}
    for names, _ in alike:
        sets = {name: {(*pool, "set", each) for each in _counter_sets(devices[name][1])} for name in names}
        gpu = {(*pool, "device", min(names))} if not any(sets.values()) else set().union(*sets.values())
        for name in names:
            spec, device = devices[name]
            key = (*pool, name)
            tainted = _is_tainted(key, device, rules)
            found[key] = Listed(
                frozenset(sets[name] or gpu),
                _node_of(spec, device),
                tainted,
                _attribute(device, pool[0], "productName", "model"),
                _is_part(device, pool[0]),
                frozenset(_marks(pool, _node_of(spec, device), device)),
            )
    return found


def _every_generation(
    pool: Pool, generations: list[list[Object]]
) -> tuple[dict[Device, frozenset[Gpu]], dict[Gpu, dict[Device, Listed]]]:
    """Return each device's GPUs by the newest generation that lists it, and the GPUs only older ones have."""
    gpus_of: dict[Device, frozenset[Gpu]] = {}
    outdated: dict[Gpu, dict[Device, Listed]] = {}
    known: list[tuple[Gpu, frozenset[Any]]] = []
    for slices in generations:
        listed = _listed(pool, slices, [])
        there, of_new = [], {device: set[Gpu]() for device in listed if device not in gpus_of}
        for gpu in sorted({gpu for facts in listed.values() for gpu in facts.gpus}, key=_sets_first):
            own = {device: facts for device, facts in listed.items() if gpu in facts.gpus}
            new = {device: facts for device, facts in own.items() if device in of_new}
            marks = frozenset({gpu} if gpu[2] == "set" else ()).union(
                *(facts.marks for facts in own.values())
            )
            by_set = [each for each, theirs in known if gpu[2] == "set" and gpu in theirs]
            same = by_set or [each for each, theirs in known if marks & theirs]
            if same:
                name = same[0]
            elif slices is generations[0]:
                name = gpu
            elif new:
                name = gpu if gpu[2] == "set" else (*pool, "device", min(device[2] for device in new))
                outdated[name] = new
            else:
                continue
            there.append((name, marks))
            for device in new:
                of_new[device].add(name)
        known += there
        gpus_of |= {device: frozenset(gpus) for device, gpus in of_new.items()}
    return gpus_of, outdated


def _sets_first(gpu: Gpu) -> tuple[bool, str]:
    return gpu[2] != "set", gpu[3]


def _has_counters(device: Device, slices: list[Object], claims: list[Object]) -> bool:
    """Tell whether held devices leave what a device draws on counters, and overdraw none of the pool's."""
    by_name = {each["name"]: each for slice_ in reversed(slices) for each in _devices(slice_)}
    left = {
        (each["name"], counter): amount_of(str(value["value"]))
        for slice_ in slices
        for each in slice_["spec"].get("sharedCounters") or []
        for counter, value in (each.get("counters") or {}).items()
    }
    held = {
        each[2] for claim in claims for each in _held(claim, frozenset({device[0]})) if each[:2] == device[:2]
    }
    for name in held & set(by_name):
        for counter, amount in _draws(by_name[name]).items():
            left[counter] -= amount
    own = _draws(by_name[device[2]])
    return not own or all(amount >= own.get(counter, 0) for counter, amount in left.items())


def _draws(device: Object) -> dict[tuple[str, str], Fraction]:
    return {
        (each["counterSet"], counter): amount_of(str(value["value"]))
        for each in device.get("consumesCounters") or []
        for counter, value in (each.get("counters") or {}).items()
    }


def _counter_sets(device: Object) -> set[str]:
    return {each["counterSet"] for each in device.get("consumesCounters") or []}


def _marks(pool: Pool, node: str | None, device: Object) -> set[Any]:
    """Return what a device has in common with all others that are of its GPU."""
    parent = _attribute(device, pool[0], "parentUUID")
    own = None if _is_part(device, pool[0]) else _attribute(device, pool[0], "uuid", "uid")
    address = _attribute(device, pool[0], "resource.kubernetes.io/pciBusID", "pciBusID", "pciAddr")
    marks = {("uuid", parent or own), ("pci", node, address if node and address else None)}
    return {mark for mark in marks if mark[-1] is not None}


def _is_part(device: Object, driver: str) -> bool:
    kind = _attribute(device, driver, "type") or ""
    return _attribute(device, driver, "parentUUID") is not None or "mig" in kind or "partition" in kind


def _attribute(device: Object, driver: str, *names: str) -> str | None:
    """Return a text; a name without a domain is in the driver's."""
    attributes = device.get("attributes") or {}
    for name in names:
        value = attributes.get(name) or attributes.get(f"{driver}/{name}") or {}
        if "string" in value:
            return str(value["string"])
    return None


def _is_tainted(key: Device, device: Object, rules: list[Object]) -> bool:
    taints = list(device.get("taints") or [])
    for rule in rules:
        selector = rule["spec"].get("deviceSelector")
        if selector is not None and all(
            selector.get(field) in (None, own)
            for field, own in zip(("driver", "pool", "device"), key, strict=True)
        ):
            taints.append(rule["spec"]["taint"])
    return any(taint["effect"] in ("NoSchedule", "NoExecute") for taint in taints)


def _results(claim: Object) -> list[Object]:
    allocation = (claim.get("status") or {}).get("allocation") or {}
    return list((allocation.get("devices") or {}).get("results") or [])


def _key(named: Object) -> tuple[str, str]:
    return named["metadata"].get("namespace") or "", named["metadata"]["name"]


def _held(claim: Object, drivers: frozenset[str]) -> set[Device]:
    return {
        (each["driver"], each["pool"], each["device"])
        for each in _results(claim)
        if each["driver"] in drivers and not each.get("adminAccess")
    }


def _gpus(device: Device, gpus_of: Mapping[Device, frozenset[Gpu]]) -> frozenset[Gpu]:
    """Return the GPUs that a device is on; one that no slice names any more is one by itself."""
    if device in gpus_of:
        return gpus_of[device]
    driver, pool, name = device
    return frozenset({(driver, pool, "device", name)})


def _selected_node(claim: Object) -> str | None:
    """Return the one node that an allocation can be used on."""
    terms = (claim["status"]["allocation"].get("nodeSelector") or {}).get("nodeSelectorTerms") or []
    if len(terms) != 1:
        return None
    for field in terms[0].get("matchFields") or []:
        names = field.get("values") or []
        if field["key"] == "metadata.name" and field["operator"] == "In" and len(names) == 1:
            return str(names[0])
    return None


def _tasks(
    pods: Iterable[Object],
    claims: list[Object],
    gpus_of: Mapping[Device, frozenset[Gpu]],
    drivers: frozenset[str],
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the pods that are bound, name claims with GPUs, and that these are reserved for."""
    tasks = {}
    for pod in pods:
        meta = pod["metadata"]
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed") or not pod["spec"].get("nodeName"):
            continue
        named = _named(pod)
        own = {
            claim["metadata"]["name"]: _held(claim, drivers)
            for claim in claims
            if claim["metadata"].get("namespace") == meta.get("namespace")
            and claim["metadata"]["name"] in named
            and any(
                user.get("resource") != "pods" or user.get("uid") == meta.get("uid")
                for user in claim["status"].get("reservedFor") or []
            )
        }
        own = {name: devices for name, devices in own.items() if devices}
        if own:
            devices = set().union(*own.values())
            tasks[meta.get("namespace") or "", meta["name"]] = {
                "node": pod["spec"]["nodeName"],
                "claims": set(own),
                "devices": devices,
                "gpus": len({gpu for device in devices for gpu in _gpus(device, gpus_of)}),
            }
    return tasks


def recount_both(pods: Iterable[Object], nodes: Iterable[Object], objects: Objects) -> dict[str, Any]:
    """Return `recount`'s figures with the devices' added, where no agent and no pod's status names a GPU.

    A node that offers GPUs of one vendor both ways has as many as the larger of the two offers: they may be
    the same.
    """
    pods, nodes = list(pods), list(nodes)
    labels = {node["metadata"]["name"]: node["metadata"].get("labels") or {} for node in nodes}
    units, devices = recount_by_vendor(pods, nodes), recount_dra(pods, nodes, objects)
    is_open = {node["metadata"]["name"]: takes_gpu_pods(node) for node in nodes}
    tasks: dict[tuple[str, str], dict[str, Any]] = dict(units["tasks"])
    for key, task in devices["tasks"].items():
        own = tasks.get(key, {"node": task["node"], "units": {}, "gpus": 0})
        tasks[key] = own | {"gpus": own["gpus"] + task["gpus"]}
    rows: dict[str, dict[str, Any]] = {}
    for name in {
        *units["nodes"],
        *filter(None, devices["nodes"]),
        *devices["nodes_of_pods"],
        *(task["node"] for task in tasks.values()),
    }:
        row = dict(units["nodes"].get(name) or _nothing(name, is_open))
        # A node that exists and has no GPUs at all is no node of pods that ask a device plugin for some.
        has_some = name in devices["nodes"] or name in devices["nodes_of_pods"]
        row["known"] |= has_some and name in is_open
        row["schedulable"] = is_open.get(name, False)
        row["running_tasks"] = sum(task["node"] == name for task in tasks.values())
        row["unknown_gpus"] = (devices["nodes"].get(name) or {"unknown": 0})["unknown"]
        by_driver: dict[str, Counter[str]] = {}
        for gpu, each in devices["gpus"].items():
            if each["node"] == name:
                by_driver.setdefault(gpu[0], Counter())[each["state"]] += 1
        by_vendor: dict[str, list[str]] = {}
        for driver in by_driver:
            by_vendor.setdefault(_DOMAINS.get(driver, driver), []).append(driver)
        products = {vendor: own["products"] for vendor, own in row["vendors"].items()}
        for vendor, own_drivers in by_vendor.items():
            plugin = row["vendors"].get(vendor, {})
            dra = sum((by_driver[driver] for driver in own_drivers), Counter())
            both = _joined(plugin, dra, is_open=bool(is_open.get(name)))
            block = max(by_driver[driver]["available"] for driver in own_drivers)
            row["most_available"] = max(row["most_available"], block)
            for state in STATES:
                row[f"{state}_gpus"] += both[state] - plugin.get(state, 0)
            label = labelled(vendor, labels.get(name, {}))
            own_products = _products(name, own_drivers, devices, label)
            if any(plugin.get(state) for state in STATES):
                row["approximate"] = True
                named = {product for product, _ in own_products} | ({label} if label else set())
                product = named.pop() if len(named) == 1 else None
                largest = min(max(block, plugin["largest_block"]), both["available"])
                reason = None if product else "UNKNOWN_DEVICES"
                own_products = {(product, reason): {**both, "largest_block": largest}}
            products[vendor] = own_products
        row["products"] = sum_up(products.values())
        # A plugin may offer what DRA has given away.
        row["most_available"] = min(row["most_available"], row["available_gpus"])
        del row["vendors"]
        rows[name] = row
    figures = sum_rows(rows)
    nowhere = devices["nodes"].get(None, {})
    of_no_node = {
        product: own | {"largest_block": 0} for product, own in _products(None, DRIVERS, devices).items()
    }
    for state in STATES:
        figures[f"{state}_gpus"] += nowhere.get(state, 0)
        figures["total_gpus"] += nowhere.get(state, 0)
    total, allocated = figures["total_gpus"], figures["allocated_gpus"]
    return figures | {
        "allocation_rate": Fraction(100 * allocated, total) if total else Fraction(0),
        "unknown_gpus": devices["unknown_gpus"],
        "running_tasks": len(tasks),
        "nodes": rows,
        "tasks": tasks,
        "of_no_node": nowhere,
        "products": sum_up([figures["products"], of_no_node]),
    }


def _products(
    node: str | None, drivers: Iterable[str], devices: Mapping[str, Any], label: str | None = None
) -> dict[tuple[str | None, str | None], dict[str, int]]:
    """Return the GPUs of these drivers on a node, or on none, by product, `label` where there is none."""
    rows: list[dict[tuple[str | None, str | None], dict[str, int]]] = []
    for driver in drivers:
        own: dict[tuple[str | None, str | None], dict[str, int]] = {}
        for gpu, each in devices["gpus"].items():
            if gpu[0] == driver and each["node"] == node:
                product, reason = devices["products"][gpu]
                row = (label, None) if label and reason == "UNKNOWN_PRODUCT" else (product, reason)
                own.setdefault(row, dict.fromkeys((*STATES, "largest_block"), 0))[each["state"]] += 1
        for found in own.values():
            found["largest_block"] = found["available"]
        rows.append(own)
    return sum_up(rows)


def _nothing(name: str, is_open: Mapping[str, bool]) -> dict[str, Any]:
    """Return the row of a node without a device plugin."""
    return {
        "known": False,
        "schedulable": is_open.get(name, False),
        "resources": {},
        "shared": {},
        "approximate": False,
        "vendors": {},
        "products": {},
        "most_available": 0,
        **{f"{state}_gpus": 0 for state in (*STATES, "overcommitted")},
    }


def _joined(plugin: Mapping[str, int], dra: Mapping[str, int], *, is_open: bool) -> dict[str, int]:
    """Return the states of one vendor's GPUs that a device plugin and DRA both may offer."""
    if not any(plugin.get(state) for state in STATES):
        return {state: dra.get(state, 0) for state in STATES}
    total = max(sum(offer.get(state, 0) for state in STATES) for offer in (plugin, dra))
    allocated = min(total, plugin["allocated"] + dra.get("allocated", 0))
    unhealthy = min(total - allocated, max(plugin["unhealthy"], dra.get("unhealthy", 0)))
    free = total - allocated - unhealthy
    return {
        "allocated": allocated,
        "unhealthy": unhealthy,
        "unavailable": 0 if is_open else free,
        "available": free if is_open else 0,
    }


def _named(pod: Object) -> set[str]:
    """Return the names of a pod's claims, those made of templates and for extended resources too."""
    spec, status = pod["spec"], pod.get("status", {})
    names = {each.get("resourceClaimName") for each in spec.get("resourceClaims") or []}
    names |= {each.get("resourceClaimName") for each in status.get("resourceClaimStatuses") or []}
    names.add((status.get("extendedResourceClaimStatus") or {}).get("resourceClaimName"))
    return {name for name in names if name}


def _pool(
    pool: Pool, slices: list[Object], listed: Mapping[Device, Listed], claims: list[Object]
) -> dict[str, Any]:
    """Return what the apiserver's own ResourcePoolStatusRequest says of a pool.

    Its counts are of devices, also of those on one GPU; it counts a device as allocated that is shared, and
    one that is both allocated and tainted twice.
    """
    mine = {device: facts for device, facts in listed.items() if device[:2] == pool}
    held = {device for claim in claims for device in _held(claim, frozenset({pool[0]})) if device[:2] == pool}
    tainted = sum(facts.tainted for facts in mine.values())
    return {
        "generation": _generation(slices[0]),
        "slices": len(slices),
        "error": _error(slices),
        "devices": len(mine),
        "allocated": len(held),
        "tainted": tainted,
        "available": max(0, len(mine) - len(held) - tainted),
    }
