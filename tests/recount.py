"""The figures counted afresh from raw objects, written from their definitions and not from the code.

Shares nothing with Lens: no import, no order of evaluation, no data structure. Each resource is
counted on its own with fractions, where Lens adds whole lists.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from tests import recount_kai
from tests.recount_gpus import NOTHING, Reported, count
from tests.recount_products import by_product, largest, sum_up

Object = Mapping[str, Any]
Amounts = dict[str, Fraction]

_SCALES = {"": Fraction(1), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000)}
_SCALES |= {"k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12)}
_SCALES |= {"P": Fraction(10**15), "E": Fraction(10**18)}
_SCALES |= {f"{letter}i": Fraction(2 ** (10 * power)) for power, letter in enumerate("KMGTPE", 1)}

_STATES = ("allocated", "unhealthy", "unavailable", "available", "overcommitted")


class UnreadableError(Exception):
    """An object has something in it that is no number of devices; it alone is left out."""


def recount(
    pods: Iterable[Object], nodes: Iterable[Object], reported: Mapping[str, Reported] | None = None
) -> dict[str, Any]:
    """Return all figures, ``nodes`` by name and ``tasks`` by namespace and name.

    Where units are parts of GPUs, ``reported`` is what agents say, by node.
    """
    figures = recount_by_vendor(pods, nodes, reported)
    for row in figures["nodes"].values():
        del row["vendors"]
    return figures


def recount_by_vendor(
    pods: Iterable[Object], nodes: Iterable[Object], reported: Mapping[str, Reported] | None = None
) -> dict[str, Any]:
    """Return all figures, with the GPUs of each vendor beside each node's."""
    held: dict[str, dict[str, int]] = {}
    holders: dict[str, dict[tuple[str, str], dict[str, int]]] = {}
    devices: dict[tuple[str, str], list[tuple[str, str]]] = {}
    tasks: dict[tuple[str, str], dict[str, Any]] = {}
    running_on: list[str] = []
    everyone = list(pods)
    for pod in everyone:
        try:
            units = _units_held(pod)
        except UnreadableError:
            continue
        if not units:
            continue
        where = pod["spec"]["nodeName"]
        for resource, number in units.items():
            held.setdefault(where, {}).setdefault(resource, 0)
            held[where][resource] += number
        key = (pod["metadata"].get("namespace") or "", pod["metadata"]["name"])
        holders.setdefault(where, {})[key] = units
        devices[key] = _devices_named(pod)
        if pod.get("status", {}).get("phase") == "Running" and not recount_kai.reserves(pod):
            tasks[key] = {"node": where, "units": units, "gpus": sum(units.values())}
            running_on.append(where)
    readable = [pod for pod in everyone if _is_readable(pod)]
    holding = {key: units for each in holders.values() for key, units in each.items()}
    fractions, _, held_for_nobody = recount_kai.placed(filter(_is_there, readable), holding)
    for pod in readable:
        key = (pod["metadata"].get("namespace") or "", pod["metadata"]["name"])
        if (found := fractions.get(key)) and found["gpus"] and pod["status"]["phase"] == "Running":
            tasks[key] = {"node": found["node"], "units": {}, "gpus": found["gpus"]}
            running_on.append(found["node"])

    offers: dict[str, dict[str, tuple[int, int]]] = {}
    labels: dict[str, Mapping[str, str]] = {}
    open_nodes = set()
    for node in nodes:
        name = node["metadata"]["name"]
        try:
            offer = _offer(node)
        except UnreadableError:
            continue
        if offer:
            offers[name] = offer
            labels[name] = node["metadata"].get("labels") or {}
            if takes_gpu_pods(node):
                open_nodes.add(name)

    rows: dict[str, dict[str, Any]] = {}
    for name in {*offers, *held}:
        cells = {}
        for resource in {*offers.get(name, {}), *held.get(name, {})}:
            capacity, allocatable = offers.get(name, {}).get(resource, (0, 0))
            allocated = held.get(name, {}).get(resource, 0)
            free = allocatable - allocated if allocatable > allocated else 0
            beyond = allocated if allocated > allocatable else allocatable
            cells[resource] = {
                "capacity": capacity,
                "allocatable": allocatable,
                # What a node hasn't got no pod can hold: it is told apart, and added to nothing.
                "allocated": sorted((0, allocated, max(capacity, allocatable)))[1],
                "unhealthy": capacity - beyond if capacity > beyond else 0,
                "available": free if name in open_nodes else 0,
                "unavailable": 0 if name in open_nodes else free,
                "overcommitted": max(0, allocated - max(capacity, allocatable)),
            }
        counted = count(
            labels.get(name, {}),
            offers.get(name, {}),
            holders.get(name, {}),
            devices,
            (reported or {}).get(name, NOTHING),
        )
        whole = {resource: cell for resource, cell in cells.items() if resource not in counted["shared"]}
        groups = [
            (each["vendor"], _block(each, cells, is_open=name in open_nodes)) for each in counted["groups"]
        ]
        by_vendor = [*((resource.split("/")[0], cell) for resource, cell in whole.items()), *groups]
        blocks = [block for _, block in by_vendor]
        for key, (gpus, approximate) in counted["pods"].items():
            if key in tasks:
                tasks[key] |= {"gpus": gpus, "approximate": approximate}
        rows[name] = {
            "known": name in offers,
            "schedulable": name in open_nodes,
            "running_tasks": running_on.count(name),
            "resources": cells,
            "shared": {resource: cells[resource] for resource in counted["shared"]},
            "approximate": any(each["approximate"] for each in counted["groups"]),
            **{f"{state}_gpus": sum(each[state] for each in blocks) for state in _STATES},
            "most_available": max(largest(each) for each in blocks),
            "vendors": {
                vendor: {
                    **{state: sum(block[state] for block in own) for state in _STATES},
                    "largest_block": max(largest(block) for block in own),
                    "products": by_product(
                        [(vendor, block) for block in own],
                        labels.get(name, {}),
                        holders.get(name, {}),
                        devices,
                        (reported or {}).get(name, NOTHING),
                    ),
                }
                for vendor, own in _grouped(by_vendor).items()
            },
        }
        rows[name]["products"] = sum_up(each["products"] for each in rows[name]["vendors"].values())
    return sum_rows(rows) | {
        "running_tasks": len(tasks),
        "held_without_pod": held_for_nobody,
        "nodes": rows,
        "tasks": tasks,
    }


def _is_readable(pod: Object) -> bool:
    try:
        _units_held(pod)
    except UnreadableError:
        return False
    return True


def _is_there(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def sum_rows(rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of these nodes together."""
    sums = {state: sum(row[f"{state}_gpus"] for row in rows.values()) for state in _STATES}
    units: dict[str, dict[str, int]] = {}
    for row in rows.values():
        for resource, cell in row["shared"].items():
            sum_of = units.setdefault(resource, dict.fromkeys(cell, 0))
            for name, number in cell.items():
                sum_of[name] += number
    total = sums["allocated"] + sums["unhealthy"] + sums["unavailable"] + sums["available"]
    return {f"{state}_gpus": number for state, number in sums.items()} | {
        "total_gpus": total,
        "allocation_rate": Fraction(100 * sums["allocated"], total) if total else Fraction(0),
        "available_nodes": sum(row["most_available"] > 0 for row in rows.values()),
        "max_contiguous_gpu": max([0, *(row["most_available"] for row in rows.values())]),
        "units": {resource: cell for resource, cell in units.items() if any(cell.values())},
        "approximate": any(row["approximate"] for row in rows.values()),
        "missing_nodes": len([row for row in rows.values() if not row["known"]]),
        "products": sum_up(row["products"] for row in rows.values()),
        "gpu_nodes": dict(Counter(filter(None, map(_use, rows.values())))),
    }


def _grouped(blocks: Iterable[tuple[str, dict[str, int]]]) -> dict[str, list[dict[str, int]]]:
    found: dict[str, list[dict[str, int]]] = {}
    for vendor, block in blocks:
        found.setdefault(vendor, []).append(block)
    return found


def _use(row: Mapping[str, Any]) -> str | None:
    """Return how far a node is used; None for a node that doesn't exist or has no GPUs."""
    if not row["known"] or not any(row[f"{state}_gpus"] for state in _STATES if state != "overcommitted"):
        return None
    if not row["schedulable"]:
        return "closed"
    if not row["available_gpus"]:
        return "full"
    return "partly_used" if row["allocated_gpus"] else "idle"


def _block(
    counted: Mapping[str, Any], cells: Mapping[str, Mapping[str, int]], *, is_open: bool
) -> dict[str, int]:
    """Put GPUs that are shared in their states, as units are; ``most`` is what the best resource has of
    units."""
    total, usable, held = counted["total"], counted["usable"], counted["held"]
    free = max(0, usable - held)
    return {
        "allocated": held if held < total else total,
        "unhealthy": max(0, total - max(usable, held)),
        "available": free if is_open else 0,
        "unavailable": 0 if is_open else free,
        "overcommitted": max(0, held - total),
        "most": max(cells[resource]["available"] for resource in counted["resources"]),
    }


def _devices_named(pod: Object) -> list[tuple[str, str]]:
    """Return resource and id of each device that a pod's status names, as far as it can be read."""
    status = pod.get("status", {})
    found = []
    for container in [
        *(status.get("containerStatuses") or []),
        *(status.get("initContainerStatuses") or []),
    ]:
        entries = container.get("allocatedResourcesStatus")
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
                continue
            named = entry.get("resources")
            for each in named if isinstance(named, list) else []:
                device = each.get("resourceID") if isinstance(each, dict) else None
                if isinstance(device, str) and isinstance(each.get("health", ""), str):
                    found.append((entry["name"], device))
    return found


def _is_gpu(resource: str) -> bool:
    if resource.startswith("gpu.intel.com/"):
        share = resource.removeprefix("gpu.intel.com/")
        return not share.endswith("_monitoring") and share not in ("millicores", "memory.max", "tiles")
    modes = ("spx_", "dpx_", "tpx_", "qpx_", "cpx_")
    if resource.startswith(tuple(f"amd.com/{mode}" for mode in modes)):
        return True
    return resource.startswith("nvidia.com/mig-") or resource in (
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "amd.com/gpu",
        "habana.ai/gaudi",
    )


def takes_gpu_pods(node: Object) -> bool:
    """What kube-scheduler decides for a pod with the vendors' tolerations and those of admission."""
    spec = node.get("spec", {})
    if spec.get("unschedulable"):
        return False
    for taint in spec.get("taints") or []:
        key, effect = taint["key"], taint["effect"]
        if effect not in ("NoSchedule", "NoExecute"):
            continue
        if key in ("nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi") or key.startswith("gpu.intel.com/"):
            continue
        if key == "is_gpu":
            continue
        pools = (("sku", "gpu", "NoSchedule"), ("dedicated", "gpuGroup", "NoSchedule"))
        if (key, taint.get("value"), effect) in pools:
            continue
        if effect == "NoExecute" and key in (
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable",
        ):
            continue
        return False
    return True


def _offer(node: Object) -> dict[str, tuple[int, int]]:
    status = node.get("status", {})
    capacity, allocatable = _devices(status.get("capacity")), _devices(status.get("allocatable"))
    return {
        resource: (ceil(capacity.get(resource, Fraction(0))), ceil(allocatable.get(resource, Fraction(0))))
        for resource in {*capacity, *allocatable}
    }


def _units_held(pod: Object) -> dict[str, int]:
    spec, status = pod.get("spec", {}), pod.get("status", {})
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        return {}
    apps, inits = spec.get("containers") or [], spec.get("initContainers") or []
    app_statuses, init_statuses = (
        status.get("containerStatuses") or [],
        status.get("initContainerStatuses") or [],
    )

    pending = [c for c in status.get("conditions") or [] if c["type"] == "PodResizePending"]
    infeasible = bool(pending) and pending[0].get("reason") == "Infeasible"

    def status_of(container: Object) -> Object:
        for each in [*app_statuses, *init_statuses]:
            if each["name"] == container["name"]:
                return dict(each)
        return {}

    def by_spec(container: Object) -> Amounts:
        resources = container.get("resources") or {}
        requests, limits = _devices(resources.get("requests")), _devices(resources.get("limits"))
        return {name: requests.get(name, limits.get(name, Fraction(0))) for name in {*requests, *limits}}

    def allocated(container: Object) -> Amounts:
        admitted = status_of(container).get("allocatedResources")
        if admitted is not None:
            return _devices(admitted)
        return {} if infeasible else by_spec(container)

    def actuated(container: Object) -> Amounts:
        applied = (status_of(container).get("resources") or {}).get("requests")
        return allocated(container) if applied is None else _devices(applied)

    spec_total = _whole_pod(apps, inits, by_spec)
    pod_allocated = status.get("allocatedResources")
    pod_actuated = (status.get("resources") or {}).get("requests")
    if pod_allocated is not None and pod_actuated is not None:
        totals = [_devices(pod_allocated), _devices(pod_actuated)]
    else:
        totals = [_whole_pod(apps, inits, allocated), _whole_pod(apps, inits, actuated)]
    if not infeasible:
        totals.append(spec_total)
    overhead = _devices(spec.get("overhead"))
    by_claim = (status.get("extendedResourceClaimStatus") or {}).get("requestMappings") or []
    mapped = {each["resourceName"] for each in by_claim}
    units = {
        name: ceil(max(total.get(name, Fraction(0)) for total in totals) + overhead.get(name, 0))
        for name in {name for amounts in (*totals, overhead) for name in amounts}
    }
    return {name: number for name, number in units.items() if number and name not in mapped}


def _whole_pod(apps: list[Object], inits: list[Object], of: Callable[[Object], Amounts]) -> Amounts:
    """Rule 1: max(apps + sidecars, max over i of (init i + the sidecars before i)), by resource."""
    app_amounts = [of(container) for container in apps]
    init_amounts = [(of(container), container.get("restartPolicy") == "Always") for container in inits]
    total: Amounts = {}
    for name in {name for amounts in (*app_amounts, *(each for each, _ in init_amounts)) for name in amounts}:
        zero = Fraction(0)
        candidates = [
            sum((amounts.get(name, zero) for amounts in app_amounts), zero)
            + sum((amounts.get(name, zero) for amounts, sidecar in init_amounts if sidecar), zero)
        ]
        for i, (amounts, _) in enumerate(init_amounts):
            before = (earlier.get(name, zero) for earlier, sidecar in init_amounts[:i] if sidecar)
            candidates.append(amounts.get(name, zero) + sum(before, zero))
        total[name] = max(candidates)
    return total


def _devices(quantities: Mapping[str, object] | None) -> Amounts:
    found = {}
    for name, quantity in (quantities or {}).items():
        if _is_gpu(name):
            found[name] = amount_of(str(quantity))
            if not 0 <= found[name] < 2**31:
                raise UnreadableError(f"{name}: {quantity!r}")
    return found


def amount_of(text: str) -> Fraction:
    """Return the value of a quantity."""
    unsigned = text[1:] if text.startswith(("+", "-")) else text
    end = 0
    while end < len(unsigned) and unsigned[end] in "0123456789.":
        end += 1
    digits, suffix = unsigned[:end], unsigned[end:]
    if digits.count(".") > 1 or not digits.strip("."):
        raise UnreadableError(text)
    whole, _, decimals = digits.partition(".")
    value = Fraction(int(f"0{whole}{decimals}"), 10 ** len(decimals))
    if suffix in _SCALES:
        value *= _SCALES[suffix]
    else:
        mark, exponent = suffix[0], suffix[1:]
        magnitude = exponent[1:] if exponent.startswith(("+", "-")) else exponent
        if mark not in "eE" or not magnitude or not set(magnitude) <= set("0123456789"):
            raise UnreadableError(text)
        value *= Fraction(10) ** int(exponent)
    return -value if text.startswith("-") else value
