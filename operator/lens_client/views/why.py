"""Why a pod waits, and whose move it is."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lens_client.api import schema
from lens_client.output.quantity import duration
from lens_client.output.view import View
from lens_client.views.asked import asked, gpus
from lens_client.views.cells import workload
from lens_client.views.fit import not_checked
from lens_client.views.paragraphs import Paragraph
from lens_client.views.reasons import amount, in_words

VIEW = View(field="tasks", columns=(), csv=tuple(schema.PendingTask.__annotations__))

_KUEUE = "kueue.x-k8s.io/"

_CLAIMS = {
    "NOT_CREATED": "no ResourceClaim was made of the template of claim {name}",
    "NOT_FOUND": "the ResourceClaim {claim} doesn't exist",
    "NO_DEVICE_CLASS": "the DeviceClass {waits} doesn't exist, which the ResourceClaim {claim} asks for",
    "NOT_ALLOCATED": "the ResourceClaim {claim} isn't allocated: it asks for {gpus} of {waits}",
    "TERMINATING": "the ResourceClaim {claim} is being deleted",
    "NOT_RESERVED": "the ResourceClaim {claim} isn't reserved for this pod",
    "BINDING_CONDITIONS": "a device of the ResourceClaim {claim} waits for {waits}",
    "BINDING_FAILED": "a device of the ResourceClaim {claim} failed: {waits}",
}


class Move(NamedTuple):
    """Whose move it is, and which."""

    whose: str
    what: str


_OTHERS_HOLD = Move(
    "wait", "for devices that others hold; fewer, or ones of another DeviceClass, may be free"
)


def paragraphs(task: Mapping[str, Any], largest: int | None = None) -> Iterator[Paragraph]:
    """Yield the pod, the reason with its numbers, whose move it is, and the scheduler's own line.

    ``largest`` is how many whole GPUs the largest node has, where that is known.
    """
    yield Paragraph(
        "POD",
        (
            f"{task['namespace']}/{task['pod_name']} of {workload(task)} asks for {asked(task)}, "
            f"and has waited {duration(task['waiting_seconds'])}",
        ),
    )
    yield Paragraph("REASON", (_sentence(reason(task)),), "yellow")
    yield Paragraph("NUMBERS", tuple(numbers(task)))
    move = whose_move(task, largest)
    yield Paragraph("NEXT MOVE", (f"{move.whose}: {move.what}",), "cyan")
    fit = task["fit"]
    if fit is not None:
        yield Paragraph("NOT CHECKED", tuple(not_checked(each) for each in fit["not_checked"] or ()))
    if task["message"]:
        yield Paragraph("SCHEDULER", (task["message"],))


def reason(task: Mapping[str, Any]) -> str:
    """Return the one reason why the pod waits."""
    if task["terminating"]:
        return "it is being deleted"
    if task["scheduling_gates"]:
        gates = ", ".join(task["scheduling_gates"])
        return f"it has scheduling gates, and the scheduler ignores it until they are removed: {gates}"
    if claim := _blocking_claim(task):
        return _claim_in_words(claim)
    fit = task["fit"]
    if fit is None:
        return str(
            task["message"]
            or "Lens doesn't know whether it would fit now, and the scheduler has said nothing yet"
        )
    if fit["fits"] == "yes" or not fit["reasons"]:
        return str(fit["reason"])
    short = _short(fit["reasons"])
    if short:
        most = max(short, key=lambda each: each["nodes"])
        return f"no node has enough {most['resource']} left that can take it"
    return f"no node can take it: {fit['reason']}"


def numbers(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is short, on how many nodes."""
    fit = task["fit"]
    if fit is not None and not task["scheduling_gates"]:
        yield from map(in_words, fit["reasons"] or ())
    for claim in task.get("claims") or ():
        if not claim["ready"] and claim["gpus"] is not None:
            yield f"{gpus(claim['gpus'])} asked by the claim {claim['resource_claim'] or claim['name']}"


def whose_move(task: Mapping[str, Any], largest: int | None = None) -> Move:
    """Return whose move it is. ``largest`` is how many GPUs the largest node has, where that is known."""
    if task["terminating"]:
        return Move("wait", "the pod goes when its containers have ended")
    if gates := task["scheduling_gates"]:
        return _gate_move(gates)
    if claim := _blocking_claim(task):
        return _claim_move(claim)
    fit = task["fit"]
    if fit is None:
        return Move("wait", "ask again in some seconds")
    if fit["fits"] == "yes":
        return Move("wait", "a node has room now, and the scheduler's next attempt should bind it")
    if not fit["reasons"]:
        return Move("wait", "nodes have room; what isn't checked decides")
    return _reason_move(fit["reasons"], largest)


def _gate_move(gates: list[str]) -> Move:
    if any(gate.startswith(_KUEUE) for gate in gates):
        return Move(
            "the quota's owner",
            "Kueue hasn't admitted the workload; kubectl describe workload says what its queue lacks",
        )
    return Move("you", f"what set the gate removes it: {', '.join(gates)}")


def _claim_move(claim: Mapping[str, Any]) -> Move:
    match claim["reason"]:
        case "NO_DEVICE_CLASS":
            return Move("you", "name a DeviceClass that exists: kubectl get deviceclasses")
        case "NOT_FOUND":
            return Move("you", "create the ResourceClaim, or name another")
        case "BINDING_FAILED":
            return Move(
                "an admin", "the driver couldn't prepare the device: see its conditions in the claim's status"
            )
        case "NOT_ALLOCATED":
            return _OTHERS_HOLD
        case "NOT_RESERVED":
            return Move("wait", "the scheduler reserves the claim for the pod when it places it")
    return Move("wait", "the claim's controller or driver is at work")


def _short(reasons: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the reasons of which it is known how much of what is short."""
    return [each for each in reasons if each["short_by"] and each["resource"] and each["asked"] is not None]


def is_gpus(resource: str) -> bool:
    """Return whether a resource counts GPUs, and not cores, bytes or pods."""
    return "/" in resource


def _reason_move(reasons: list[Mapping[str, Any]], largest: int | None) -> Move:
    """Return whose move the reason with the most nodes is; what others hold is waited for."""
    short = _short(reasons)
    if short:
        most = max(short, key=lambda each: each["nodes"])
        resource = most["resource"]
        if largest is not None and is_gpus(resource) and most["asked"] > largest:
            return Move(
                "you", f"no node has {most['asked']} GPUs, even an empty one: the largest has {largest}"
            )
        short_by, free = (amount(resource, most[field]) for field in ("short_by", "most_free"))
        instead = f", or ask for {free}" if most["most_free"] else ""
        return Move("wait", f"until others return {short_by} more {resource} on one node{instead}")
    most = max(reasons, key=lambda each: each["nodes"])
    code = most["code"]
    if code == "unschedulable":
        return Move("an admin", "uncordon nodes")
    if code == "taint":
        return Move("you or an admin", "tolerate the taint if the nodes are meant for you; else it has to go")
    if code == "quota":
        return Move("the quota's owner", "raise the quota, or free some of it")
    if code in ("node_selector", "node_name"):
        return Move(
            "you", "no node that has room is one that the pod selects: change its selector or affinity"
        )
    # What the scheduler's plugin can't evaluate begins otherwise: no device that is freed helps.
    if code == "claims" and not most["message"].startswith("running "):
        return _OTHERS_HOLD
    if code == "claim_elsewhere":
        return Move(
            "you", "the pod's claim has devices of another node: let it go there, or name another claim"
        )
    if code == "invalid_pools":
        return Move("an admin", "a driver's ResourceSlices are incomplete or invalid: see its log")
    if code in ("host_port", "pods"):
        return Move("wait", "until pods on the nodes end")
    return Move("you", "change what the pod asks for")


def _blocking_claim(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the claim that isn't ready and says most: one that can't be without somebody's help."""
    waiting = [each for each in task.get("claims") or () if not each["ready"]]
    order = (
        "NO_DEVICE_CLASS",
        "NOT_FOUND",
        "BINDING_FAILED",
        "NOT_CREATED",
        "TERMINATING",
        "BINDING_CONDITIONS",
    )
    for kind in order:
        for claim in waiting:
            if claim["reason"] == kind:
                return dict(claim)
    fit = task["fit"]
    if fit is not None and (fit["fits"] == "yes" or fit["reasons"]):
        return None
    return dict(waiting[0]) if waiting else None


def _claim_in_words(claim: Mapping[str, Any]) -> str:
    words = _CLAIMS.get(claim["reason"] or "", "the ResourceClaim {claim} isn't ready")
    return words.format(
        name=claim["name"],
        claim=claim["resource_claim"] or claim["name"],
        waits=", ".join(claim["waits_for"] or ()) or "its devices",
        gpus=gpus(claim["gpus"]) if claim["gpus"] is not None else "all GPUs",
    )


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]
