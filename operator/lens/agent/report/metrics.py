"""The report as metrics under ``lens_*`` names.

An unknown value has no sample. The holders of a GPU are a metric of their own, to be joined on ``uuid``: with
the holder's labels on each metric, a shared GPU's values would repeat for each of its holders.
"""

from collections.abc import Iterator

from lens.agent.report.prometheus_text import Labels, MetricFamily
from lens.model.gpu.node_report import Gpu, Instance, Report


def metric_families(report: Report) -> Iterator[MetricFamily]:
    """Iterate over the report's metric families."""
    yield from _agent(report)
    yield from _gpus(report)
    yield from _faults(report)
    yield from _instances(report)
    yield MetricFamily(
        "lens_gpu_holder",
        "gauge",
        "1 for each device that a container holds, according to the kubelet.",
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


def _agent(report: Report) -> Iterator[MetricFamily]:
    driver, kubelet = report.driver, report.kubelet
    yield MetricFamily(
        "lens_agent_info",
        "gauge",
        "Version of the agent, its node, and the node's driver version.",
        [({"version": report.agent, "node": report.node, "driver_version": driver.version or ""}, 1)],
    )
    yield MetricFamily(
        "lens_agent_driver_state",
        "gauge",
        "State of the node's driver: 1 for the current state, 0 for the others.",
        [({"state": state}, driver.state == state) for state in ("starting", "ready", "absent", "failed")],
    )
    yield MetricFamily(
        "lens_agent_kubelet_up",
        "gauge",
        "Whether the kubelet answered the last poll of its PodResources API.",
        [({}, kubelet.state == "ok")],
    )
    yield MetricFamily(
        "lens_agent_kubelet_listed_timestamp_seconds",
        "gauge",
        "Time of the kubelet's last PodResources response.",
        [({}, kubelet.listed_at)],
    )
    yield MetricFamily(
        "lens_agent_cut",
        "gauge",
        "1 for each list that the report truncates.",
        [({"list": name}, 1) for name in report.cut],
    )
    yield MetricFamily(
        "lens_agent_sample_timestamp_seconds",
        "gauge",
        "Time at which the last round over all GPUs ended.",
        [({}, report.sampled_at)],
    )


def _gpus(report: Report) -> Iterator[MetricFamily]:
    gpus = [({"uuid": gpu.uuid or "", "gpu": gpu.index}, gpu) for gpu in report.gpus]
    yield MetricFamily(
        "lens_gpu_info",
        "gauge",
        "Product, architecture and PCI address of the GPU.",
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
        (
            "utilization_ratio",
            "Utilization of the GPU: the part of the last sample window in which a kernel ran, from 0 to 1.",
            "utilization_percent",
            0.01,
        ),
        (
            "memory_used_bytes",
            "Memory of the GPU that is in use, without what the driver reserves.",
            "memory_used_bytes",
            1,
        ),
        ("memory_total_bytes", "Total memory of the GPU.", "memory_total_bytes", 1),
        ("temperature_celsius", "Temperature of the GPU.", "temperature_celsius", 1),
        ("power_watts", "Power that the GPU draws.", "power_watts", 1),
        ("power_limit_watts", "Power limit that the driver enforces on the GPU.", "power_limit_watts", 1),
        ("mig_enabled", "Whether the GPU is in MIG mode.", "mig_enabled", 1),
    )
    for name, help_, field, scale in measures:
        yield MetricFamily(
            f"lens_gpu_{name}",
            "gauge",
            help_,
            [(labels, _scaled(getattr(gpu, field), scale)) for labels, gpu in gpus],
        )
    yield MetricFamily(
        "lens_gpu_energy_joules_total",
        "counter",
        "Energy that the GPU has consumed since the driver was loaded.",
        [(labels, gpu.energy_joules) for labels, gpu in gpus],
    )
    yield MetricFamily(
        "lens_gpu_clock_hertz",
        "gauge",
        "Clock frequency of the GPU, of its multiprocessors and of its memory.",
        [
            ({**labels, "clock": clock}, _scaled(value, 1_000_000))
            for labels, gpu in gpus
            for clock, value in (("sm", gpu.clock_sm_mhz), ("memory", gpu.clock_memory_mhz))
        ],
    )
    yield MetricFamily(
        "lens_gpu_clock_event",
        "gauge",
        "1 for each reason that currently limits the clocks.",
        [({**labels, "reason": reason}, 1) for labels, gpu in gpus for reason in gpu.clock_events or ()],
    )
    yield MetricFamily(
        "lens_gpu_processes",
        "gauge",
        "Number of compute processes on the GPU.",
        [(labels, None if gpu.processes is None else len(gpu.processes)) for labels, gpu in gpus],
    )


def _faults(report: Report) -> Iterator[MetricFamily]:
    gpus = [({"uuid": gpu.uuid or "", "gpu": gpu.index}, gpu) for gpu in report.gpus]
    yield MetricFamily(
        "lens_gpu_health",
        "gauge",
        "Health of the GPU: 1 for its current state.",
        [({**labels, "state": gpu.health.state}, 1) for labels, gpu in gpus],
    )
    yield MetricFamily(
        "lens_gpu_recovery_action",
        "gauge",
        "1 for the recovery action that the driver asks for: NONE, or a reset of the GPU or a reboot of its"
        " node.",
        [
            ({**labels, "action": gpu.recovery_action}, 1)
            for labels, gpu in gpus
            if gpu.recovery_action is not None
        ],
    )
    yield MetricFamily(
        "lens_gpu_ecc_uncorrected_errors_total",
        "counter",
        "Uncorrected ECC errors since the driver was loaded (volatile) and over the lifetime (aggregate).",
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
    yield MetricFamily(
        "lens_gpu_remapped_rows",
        "gauge",
        "Memory rows of the GPU that were replaced by spare ones, by the errors that caused it.",
        [
            ({**labels, "errors": errors}, value)
            for labels, remapped in rows
            for errors, value in (
                ("correctable", remapped.correctable),
                ("uncorrectable", remapped.uncorrectable),
            )
        ],
    )
    yield MetricFamily(
        "lens_gpu_row_remap_pending",
        "gauge",
        "1 if memory rows of the GPU will be replaced at its next reset, else 0.",
        [(labels, remapped.pending) for labels, remapped in rows],
    )
    yield MetricFamily(
        "lens_gpu_row_remap_failed",
        "gauge",
        "1 if a failing memory row of the GPU could not be replaced, else 0.",
        [(labels, remapped.failed) for labels, remapped in rows],
    )
    yield MetricFamily(
        "lens_gpu_xid_errors_total",
        "counter",
        "XID errors that the driver reported of the GPU since the agent started, by number.",
        [
            ({**labels, "xid": each.xid, "severity": each.severity}, each.count)
            for labels, gpu in gpus
            for each in gpu.xids or ()
        ],
    )
    yield MetricFamily(
        "lens_gpu_nvlinks",
        "gauge",
        "NVLinks of the GPU by state.",
        [
            ({**labels, "state": state}, value)
            for labels, gpu in gpus
            if gpu.nvlinks is not None
            for state, value in (("up", gpu.nvlinks.up), ("down", len(gpu.nvlinks.down)))
        ],
    )
    yield MetricFamily(
        "lens_gpu_unreadable",
        "gauge",
        "1 for each value that can't be read, with the reason.",
        [
            ({**labels, "value": value, "reason": reason}, 1)
            for labels, gpu in gpus
            for value, reason in gpu.reasons.items()
        ],
    )


def _instances(report: Report) -> Iterator[MetricFamily]:
    instances = [
        (_instance_labels(gpu, each), each)
        for gpu in report.gpus
        for each in gpu.instances or ()
        if gpu.uuid is not None and each.uuid is not None
    ]
    measures = (
        (
            "utilization_ratio",
            "Utilization of the MIG device: the part of the last window in which it computed, from 0 to 1.",
            0.01,
        ),
        ("memory_used_bytes", "Memory of the MIG device that is in use.", 1),
        ("memory_total_bytes", "Total memory of the MIG device.", 1),
    )
    for name, help_, scale in measures:
        field = name.replace("_ratio", "_percent")
        yield MetricFamily(
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
