"""Alerts about single GPUs, by their telemetry."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lens.model.alerts.alert import AlertObject, AlertTypes, Finding, Severity, counted
from lens.model.gpu.node_report import NO_ACTION, ROWS_FAILED, ROWS_PENDING
from lens.model.gpu.telemetry import GpuTelemetry
from lens.model.gpu.xids import classify

THROTTLES = frozenset({"hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake"})
"""Clock events that need attention. ``sw_power_cap`` does not: a GPU under full load runs at its limit."""

MAX_GPU_ALERTS = 64
"""Alerts of one node's GPUs that are shown."""

_XID = re.compile(r"XID (\d{1,10})", re.ASCII)


class NodeGpu(NamedTuple):
    """A GPU and its node."""

    node: str
    gpu: GpuTelemetry

    @property
    def source(self) -> str:
        """Return its name as an alert's source."""
        return f"GPU/{self.node}/{self.gpu.index if self.gpu.uuid is None else self.gpu.uuid}"

    def finding(self, message: str, severity: Severity | None = None, xid: int | None = None) -> Finding:
        """Return a finding about it; the message goes on after its name."""
        return Finding(
            source=self.source,
            message=f"GPU {self.gpu.index} of {self.node} {message}",
            severity=severity,
            key=None if xid is None else f"{self.source}:{xid}",
            about=AlertObject(self.node, self.gpu.uuid, self.gpu.index),
            telemetry_node=self.node,
        )


class OmittedAlerts(NamedTuple):
    """How many alerts of a node's GPUs are not shown."""

    node: str
    number: int


GPU_ALERTS: AlertTypes[NodeGpu] = AlertTypes()
OMITTED_ALERTS: AlertTypes[OmittedAlerts] = AlertTypes()


@GPU_ALERTS.declare(
    "GpuLost",
    severities=("critical",),
    summary="Lost GPUs",
    meaning="A GPU has fallen off the bus, or none of its values can be read.",
    action="Drain the node and reboot it. If the GPU stays lost, have it replaced.",
    alone=True,
)
def gpu_lost(subject: NodeGpu) -> Iterator[Finding]:
    """Find a lost GPU."""
    if subject.gpu.health.state == "lost":
        yield subject.finding(f"is lost: {', '.join(subject.gpu.health.because)}")


def _needs_recovery(gpu: GpuTelemetry) -> bool:
    return gpu.recovery_action not in (None, NO_ACTION)


@GPU_ALERTS.declare(
    "GpuRecoveryAction",
    severities=("critical",),
    summary="GPUs that need a recovery action",
    meaning="The driver asks for a recovery action: a reset of the GPU, or a reboot of the node.",
    action="Drain the GPU's pods, then reset the GPU or reboot the node, as the message says.",
    guide="`nvidia-smi --gpu-reset` resets a GPU.",
)
def gpu_recovery_action(subject: NodeGpu) -> Iterator[Finding]:
    """Find a GPU that the driver asks a recovery action for."""
    if _needs_recovery(subject.gpu):
        yield subject.finding(f"needs the recovery action {subject.gpu.recovery_action}")


@GPU_ALERTS.declare(
    "GpuUnhealthy",
    severities=("critical",),
    summary="Unhealthy GPUs",
    meaning="Telemetry rates a GPU as critical, for a reason that has no alert of its own.",
    action="Drain the GPU's pods, read the driver's log on the node for the cause, and reset the GPU.",
    guide="`dmesg | grep -i nvrm` shows the driver's log.",
)
def gpu_unhealthy(subject: NodeGpu) -> Iterator[Finding]:
    """Find a critical GPU that no other alert explains."""
    gpu = subject.gpu
    if gpu.health.state != "critical" or _needs_recovery(gpu) or ROWS_FAILED in gpu.health.because:
        return
    if any(severity == "critical" for _, _, severity, _ in _xids(gpu)):
        return
    yield subject.finding(f"is unhealthy: {', '.join(gpu.health.because) or 'no reason is given'}")


@GPU_ALERTS.declare(
    "GpuXid",
    severities=("warning", "critical"),
    summary="XIDs that require an action",
    meaning="The driver reported an XID for which NVIDIA's catalogue requires a reset or another procedure. "
    "It is a warning where the driver says that no recovery is needed. "
    "XIDs that programs cause raise no alert.",
    action="Look the XID up in NVIDIA's catalogue, and do what it says. "
    "The alert lasts until the node's agent or exporter restarts.",
    guide="Delete the agent's pod when the XID is dealt with.",
)
def gpu_xid(subject: NodeGpu) -> Iterator[Finding]:
    """Find XIDs that require an action."""
    for number, cause, severity, meaning in _xids(subject.gpu):
        yield subject.finding(f"reported {cause}: {meaning}", severity, number)


def _xids(gpu: GpuTelemetry) -> Iterator[tuple[int, str, Severity, str]]:
    """Go through a GPU's XIDs that programs don't cause: number, cause, severity and meaning."""
    for cause in gpu.health.because:
        if (match := _XID.fullmatch(cause)) is None:
            continue
        severity, meaning = classify(int(match[1]), alone=True)
        if severity != "application":
            critical = gpu.health.state == "critical" and severity == "critical"
            yield int(match[1]), cause, "critical" if critical else "warning", meaning


@GPU_ALERTS.declare(
    "GpuRowRemapFailed",
    severities=("critical",),
    summary="GPUs that can't replace failing memory rows",
    meaning="A GPU has no spare memory rows left for failing ones.",
    action="Cordon the node and have the GPU replaced.",
)
def gpu_rows_failed(subject: NodeGpu) -> Iterator[Finding]:
    """Find a GPU whose row remapping has failed."""
    if ROWS_FAILED in subject.gpu.health.because:
        yield subject.finding("could not replace failing memory rows")


@GPU_ALERTS.declare(
    "GpuRowRemapPending",
    severities=("warning",),
    summary="GPUs that need a reset to replace memory rows",
    meaning="A GPU replaces failing memory rows at its next reset.",
    action="Reset the GPU when its pods have ended.",
)
def gpu_rows_pending(subject: NodeGpu) -> Iterator[Finding]:
    """Find a GPU whose row remapping waits for a reset."""
    if ROWS_PENDING in subject.gpu.health.because:
        yield subject.finding("needs a reset to replace failing memory rows")


@GPU_ALERTS.declare(
    "GpuEccErrors",
    severities=("warning",),
    summary="GPUs with uncorrected memory errors",
    meaning="A GPU has had uncorrected memory errors since its last reset. A program that met one failed.",
    action="Reset the GPU when its pods have ended. If errors come back, run NVIDIA's field diagnostic.",
)
def gpu_ecc_errors(subject: NodeGpu) -> Iterator[Finding]:
    """Find a GPU with uncorrected memory errors."""
    if errors := subject.gpu.ecc_uncorrected:
        yield subject.finding(f"had {counted(errors, 'uncorrected memory error')} since its last reset")


@GPU_ALERTS.declare(
    "GpuThrottled",
    severities=("warning",),
    summary="Throttled GPUs",
    meaning="Heat or the power supply reduces a GPU's clocks. Running at the power limit raises no alert.",
    action="Check the node's cooling and power supply.",
    guide="If GPUs of other nodes in the rack are throttled as well, check the cooling of the room.",
    lasting="throttled_seconds",
)
def gpu_throttled(subject: NodeGpu) -> Iterator[Finding]:
    """Find a GPU that heat or the power supply slows down."""
    if throttles := sorted(THROTTLES.intersection(subject.gpu.clock_events)):
        yield subject.finding(f"is throttled: {', '.join(throttles)}")


@OMITTED_ALERTS.declare(
    "GpuAlertsOmitted",
    severities=("warning",),
    summary="Nodes with more GPU alerts than are shown",
    meaning=f"The GPUs of a node have more than {MAX_GPU_ALERTS} alerts. The most severe are shown.",
    action="Read the report of the node's agent or exporter.",
    guide="A broken node has a few alerts. Thousands of them point to a faulty agent or exporter.",
)
def gpu_alerts_omitted(subject: OmittedAlerts) -> Iterator[Finding]:
    """Find a node with more GPU alerts than are shown."""
    more = counted(subject.number, "more alert")
    yield Finding(
        source=f"Node/{subject.node}",
        message=f"The GPUs of {subject.node} have {more} than the {MAX_GPU_ALERTS} shown",
        about=AlertObject(subject.node),
        telemetry_node=subject.node,
    )
