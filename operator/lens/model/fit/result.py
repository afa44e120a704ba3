"""The answer to "does it fit?"."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from lens.model.fit.filters.rejection import Cause

Verdict = Literal["yes", "no", "unknown"]

NO_NODES = "no nodes available to schedule pods"


class Placement(msgspec.Struct, frozen=True, gc=False):
    """The number of a node's replicas, and the devices of their claims: ``driver/pool/device``."""

    node: str
    replicas: int
    devices: tuple[str, ...] = ()


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a number of nodes can't take the pod, in kube-scheduler's words.

    Where a ``resource`` is short, ``asked`` is what the pod asks for, and ``most_free`` the most that one of
    these nodes has left, ``most_free_on``: CPU in thousandths, all else in ones.
    """

    code: str
    message: str
    nodes: int
    resource: str | None = None
    asked: int | None = None
    most_free: int | None = None
    most_free_on: str | None = None


class FitResult(msgspec.Struct, frozen=True, gc=False):
    """Whether all replicas fit, where they would go, and what keeps them off the other nodes.

    ``placed`` replicas fit, on the nodes in ``placements``. ``reasons`` and ``message``, which is what
    kube-scheduler writes into the pod's condition, are about the first replica that doesn't fit. Where all
    fit, ``message`` is None, and ``reasons`` are about the nodes that can't take the first.

    ``max_replicas`` is how many would fit, if as many were asked for; None for more than were counted.
    ``nodes`` is the number of nodes. ``complete`` is False if something that wasn't checked can change the
    verdict: ``not_checked`` names it.
    """

    fits: Verdict
    replicas: int
    placed: int
    max_replicas: int | None
    nodes: int
    placements: tuple[Placement, ...] = ()
    reasons: tuple[Reason, ...] = ()
    message: str | None = None
    not_checked: tuple[str, ...] = ()
    complete: bool = True


def scheduler_message(nodes: int, reasons: Iterable[Reason]) -> str:
    """Return a FitError's text (pkg/scheduler/framework/types.go)."""
    histogram = sorted(f"{reason.nodes} {reason.message}" for reason in reasons)
    return f"0/{nodes} nodes are available:" + (f" {', '.join(histogram)}." if histogram else "")


def summarize(
    causes: Mapping[Cause, int], request: Mapping[str, int], most_free: Mapping[str, tuple[int, str]]
) -> tuple[Reason, ...]:
    """Return the reasons for a number of nodes each, the most frequent first."""
    ordered = sorted(causes.items(), key=lambda item: (-item[1], item[0].message))
    nothing = (None, None)
    return tuple(
        Reason(
            cause.code,
            cause.message,
            nodes,
            cause.resource or None,
            request.get(cause.resource),
            *(most_free.get(cause.resource, nothing) if cause.resource in request else nothing),
        )
        for cause, nodes in ordered
    )
