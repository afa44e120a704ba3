"""The pods of a DaemonSet: one for each node that it selects and tolerates."""

from collections import Counter

import msgspec

from lens.model.fit.deadline import Check
from lens.model.fit.dra.state import Devices
from lens.model.fit.engine import fit
from lens.model.fit.result import FitResult, Placement, Reason, Verdict, scheduler_message
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.tolerations import Toleration
from lens.model.fit.state import Fleet, FleetNode
from lens.model.fit.trial import Trial

_NEVER_ELIGIBLE = frozenset({"unschedulable", "taint", "node_selector", "node_name"})

_DAEMON_TOLERATIONS = tuple(
    Toleration(f"node.kubernetes.io/{key}", "Exists", "", effect)
    for key, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
)
"""What the DaemonSet controller adds (pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations)."""

_WITHOUT_NETWORK = Toleration("node.kubernetes.io/network-unavailable", "Exists", "", "NoSchedule")
"""What it adds for pods on the host network."""


def fit_on_each(fleet: Fleet, asked: AskedPod, check_time: Check) -> tuple[FitResult, Devices]:
    """Return whether a pod fits on each node that a DaemonSet selects and tolerates."""
    tolerations = (*asked.tolerations, *_DAEMON_TOLERATIONS)
    if asked.host_network:
        tolerations = (*tolerations, _WITHOUT_NETWORK)
    asked = msgspec.structs.replace(asked, tolerations=tolerations)
    first = fit(fleet, asked, check_time=check_time)
    trial = None if asked.gates else Trial(fleet, asked, check_time)
    rejected = {} if trial is None else trial.rejections()
    left_out = {
        name for name, each in rejected.items() if any(cause.code in _NEVER_ELIGIBLE for cause in each.causes)
    }
    names = [node.name for node in fleet.nodes if _is_named(node, asked)]
    eligible = [name for name in names if name not in left_out]
    placed = [name for name in eligible if name not in rejected]
    devices = fleet.devices
    if trial is None or trial.refused is not None:
        placed = []
    elif trial.devices is not None:
        placed = trial.place_on(placed)
        devices = trial.devices.left()
    undecided = trial.devices.unknown if trial is not None and trial.devices is not None else ()
    fits: Verdict = "no" if len(placed) < len(eligible) else "unknown" if asked.unchecked else "yes"
    if undecided:
        fits = "unknown"
    counted: Counter[tuple[str, str, str]] = Counter(
        (cause.code, cause.message, cause.resource)
        for name in eligible
        if name in rejected
        for cause in rejected[name].causes
    )
    reasons = tuple(
        Reason(code, message, number, resource or None, dict(asked.request).get(resource))
        for (code, message, resource), number in counted.most_common()
    )
    return FitResult(
        fits=fits,
        replicas=len(eligible),
        placed=len(placed),
        max_replicas=len(placed),
        nodes=len(fleet.nodes),
        placements=tuple(Placement(name, 1) for name in placed),
        reasons=reasons or first.reasons,
        message=scheduler_message(len(fleet.nodes), reasons) if reasons else None,
        not_checked=tuple(dict.fromkeys((*first.not_checked, *undecided))),
        complete=first.complete and not undecided,
    ), devices


def _is_named(node: FleetNode, asked: AskedPod) -> bool:
    names = asked.selector.node_names
    return asked.node_name in ("", node.name) and (names is None or node.name in names)
