"""What ``/metrics`` tells, under ``lens_*`` names.

A value that is unknown has no sample. Who holds a GPU is a metric of its own, to be joined on ``uuid``: with
the holder's labels on each, a shared GPU's figures would be there as many times as it has holders.
"""

from collections.abc import Iterator

from lens.agent.report.prometheus_text import Family, Labels
from lens.model.gpu.node_report import Gpu, Instance, Report


def families(report: Report) -> Iterator[Family]:
    """Go through the report's families."""
    yield from _agent(report)
    yield from _gpus(report)
    yield from _faults(report)
    yield from _instances(report)
    yield Family(
        "lens_gpu_holder",
        "gauge",
        "Which container holds a device, as the kubelet says: 1 for each.",
        [
            (
                {
                    "uuid": each.gpu_uuid or "",
                    "instance_uuid": each.instance_uuid or "",
                    "resource": each.resource,
                    "device_id": each.device_id,
                    "namespace": each.namespace,
                    "pod": each.pod,
                    "container": each.container,
                },
                1,
            )
            for each in report.holders or ()
        ],
    )


def _agent(report: Report) -> Iterator[Family]:
    driver, kubelet = report.driver, report.kubelet
    yield Family(
        "lens_agent_info",
        "gauge",
        "Which agent this is, of which node, and the node's driver.",
        [({"version": report.agent, "node": report.node, "driver_version": driver.version or ""}, 1)],
    )
    yield Family(
        "lens_agent_driver_state",
        "gauge",
        "The state of the node's driver: 1 for the one that it is in.",
        [({"state": state}, driver.state == state) for state in ("starting", "ready", "absent", "failed")],
    )
    yield Family(
        "lens_agent_kubelet_up",
        "gauge",
        "Whether the kubelet said when last asked who holds which devices.",
        [({}, kubelet.state == "ok")],
    )
    yield Family(
        "lens_agent_kubelet_listed_timestamp_seconds",
        "gauge",
        "When the kubelet last said so.",
        [({}, kubelet.listed_at)],
    )
    yield Family(
        "lens_agent_cut",
        "gauge",
        "Lists that are longer than what is told of them: 1 for each.",
        [({"list": name}, 1) for name in report.cut],
    )
    yield Family(
        "lens_agent_sample_timestamp_seconds",
        "gauge",
        "When the last round over all GPUs was over.",
        [({}, report.sampled_at)],
    )


def _gpus(report: Report) -> Iterator[Family]:
    gpus = [({"uuid": gpu.uuid or "", "gpu": gpu.index}, gpu) for gpu in report.gpus]
    yield Family(
        "lens_gpu_info",
        "gauge",
        "What the GPU is.",
        [
            (
                {
                    **labels,
                    "product": gpu.product or "",
                    "architecture": gpu.architecture or "",
                    "pci_bus_id": gpu.pci_bus_id or "",
                    "node": report.node,
                },
                1,
            )
            for labels, gpu in gpus
        ],
    )
    measures = (
        ("utilization_ratio", "Share of the last window in which a kernel ran.", "utilization_percent", 0.01),
        ("memory_used_bytes", "Memory in use, without what the driver has reserved.", "memory_used_bytes", 1),
        ("memory_total_bytes", "Memory of the GPU.", "memory_total_bytes", 1),
        ("temperature_celsius", "Temperature of the GPU.", "temperature_celsius", 1),
        ("power_watts", "Power draw.", "power_watts", 1),
        ("power_limit_watts", "Power limit that is enforced.", "power_limit_watts", 1),
        ("mig_enabled", "Whether the GPU is in MIG mode.", "mig_enabled", 1),
    )
    for name, help_, field, scale in measures:
        yield Family(
            f"lens_gpu_{name}",
            "gauge",
            help_,
            [(labels, _scaled(getattr(gpu, field), scale)) for labels, gpu in gpus],
        )
    yield Family(
        "lens_gpu_energy_joules_total",
        "counter",
        "Energy used since the driver was loaded.",
        [(labels, gpu.energy_joules) for labels, gpu in gpus],
    )
    yield Family(
        "lens_gpu_clock_hertz",
        "gauge",
        "Clocks of the multiprocessors and of the memory.",
        [
            ({**labels, "clock": clock}, _scaled(value, 1_000_000))
            for labels, gpu in gpus
            for clock, value in (("sm", gpu.clock_sm_mhz), ("memory", gpu.clock_memory_mhz))
        ],
    )
    yield Family(
        "lens_gpu_clock_event",
        "gauge",
        "Reasons that hold the clocks down: 1 for each that does.",
        [({**labels, "reason": reason}, 1) for labels, gpu in gpus for reason in gpu.clock_events or ()],
    )
    yield Family(
        "lens_gpu_processes",
        "gauge",
        "Processes that compute on the GPU.",
        [(labels, None if gpu.processes is None else len(gpu.processes)) for labels, gpu in gpus],
    )


def _faults(report: Report) -> Iterator[Family]:
    gpus = [({"uuid": gpu.uuid or "", "gpu": gpu.index}, gpu) for gpu in report.gpus]
    yield Family(
        "lens_gpu_health",
        "gauge",
        "What is known of the GPU's health: 1 for the state that it is in.",
        [({**labels, "state": gpu.health.state}, 1) for labels, gpu in gpus],
    )
    yield Family(
        "lens_gpu_recovery_action",
        "gauge",
        "What the driver says has to be done to recover the GPU: 1 for that.",
        [
            ({**labels, "action": gpu.recovery_action}, 1)
            for labels, gpu in gpus
            if gpu.recovery_action is not None
        ],
    )
    yield Family(
        "lens_gpu_ecc_uncorrected_errors_total",
        "counter",
        "Uncorrected memory errors: since the driver was loaded, and in all.",
        [
            ({**labels, "counter": counter}, value)
            for labels, gpu in gpus
            for counter, value in (
                ("volatile", gpu.ecc_uncorrected_volatile),
                ("aggregate", gpu.ecc_uncorrected_aggregate),
            )
        ],
    )
    rows = [(labels, gpu.remapped_rows) for labels, gpu in gpus if gpu.remapped_rows is not None]
    yield Family(
        "lens_gpu_remapped_rows",
        "gauge",
        "Memory rows that were replaced, by what was wrong with them.",
        [
            ({**labels, "errors": errors}, value)
            for labels, remapped in rows
            for errors, value in (
                ("correctable", remapped.correctable),
                ("uncorrectable", remapped.uncorrectable),
            )
        ],
    )
    yield Family(
        "lens_gpu_row_remap_pending",
        "gauge",
        "Whether rows are replaced at the next reset.",
        [(labels, remapped.pending) for labels, remapped in rows],
    )
    yield Family(
        "lens_gpu_row_remap_failed",
        "gauge",
        "Whether a row could not be replaced.",
        [(labels, remapped.failed) for labels, remapped in rows],
    )
    yield Family(
        "lens_gpu_xid_errors_total",
        "counter",
        "XID errors since the agent started.",
        [
            ({**labels, "xid": each.xid, "severity": each.severity}, each.count)
            for labels, gpu in gpus
            for each in gpu.xids or ()
        ],
    )
    yield Family(
        "lens_gpu_nvlinks",
        "gauge",
        "NVLinks by their state.",
        [
            ({**labels, "state": state}, value)
            for labels, gpu in gpus
            if gpu.nvlinks is not None
            for state, value in (("up", gpu.nvlinks.up), ("down", len(gpu.nvlinks.down)))
        ],
    )
    yield Family(
        "lens_gpu_unreadable",
        "gauge",
        "Values that can't be read, and why: 1 for each.",
        [
            ({**labels, "value": value, "reason": reason}, 1)
            for labels, gpu in gpus
            for value, reason in gpu.reasons.items()
        ],
    )


def _instances(report: Report) -> Iterator[Family]:
    instances = [
        (_instance_labels(gpu, each), each)
        for gpu in report.gpus
        for each in gpu.instances or ()
        if gpu.uuid is not None and each.uuid is not None
    ]
    measures = (
        ("utilization_ratio", "Share of the last window in which the MIG device computed.", 0.01),
        ("memory_used_bytes", "Memory of the MIG device in use.", 1),
        ("memory_total_bytes", "Memory of the MIG device.", 1),
    )
    for name, help_, scale in measures:
        field = name.replace("_ratio", "_percent")
        yield Family(
            f"lens_gpu_instance_{name}",
            "gauge",
            help_,
            [(labels, _scaled(getattr(each, field), scale)) for labels, each in instances],
        )


def _instance_labels(gpu: Gpu, instance: Instance) -> Labels:
    return {
        "uuid": gpu.uuid,
        "gpu": gpu.index,
        "instance_uuid": instance.uuid,
        "profile": instance.profile or "",
        "gpu_instance_id": instance.gpu_instance_id,
    }


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else round(value * scale, 6) if scale < 1 else value * scale
