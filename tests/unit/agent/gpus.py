"""GPUs and reports to try decisions on."""

from typing import Any

from lens.model.gpu.node_report import (
    Driver,
    Gpu,
    Health,
    Holder,
    Instance,
    Kubelet,
    RemappedRows,
    Report,
    Xid,
)

UUID = "GPU-11111111-2222-3333-4444-555555555555"
OTHER = "GPU-99999999-2222-3333-4444-555555555555"
MIG = "MIG-aaaaaaaa-2222-3333-4444-555555555555"
NOW = 1766158200.0


def gpu(**given: Any) -> Gpu:
    """Return a healthy GPU; whatever is given is as given."""
    usual: dict[str, Any] = {
        "index": 0,
        "uuid": UUID,
        "sampled_at": NOW,
        "health": Health(state="ok"),
        "product": "NVIDIA H100 80GB HBM3",
        "pci_bus_id": "00000000:C1:00.0",
        "minor_number": 3,
        "utilization_percent": 25.0,
        "memory_total_bytes": 80 * 2**30,
        "memory_used_bytes": 10 * 2**30,
        "memory_reserved_bytes": 2**30,
        "temperature_celsius": 50,
        "power_watts": 83.294,
        "energy_joules": 4397.322,
        "clock_sm_mhz": 345,
        "remapped_rows": rows(),
        "recovery_action": "NONE",
        "xids": (),
        "mig_enabled": False,
        "instances": (),
    }
    return Gpu(**{**usual, **given})


def rows(**given: Any) -> RemappedRows:
    """Return remapped rows that are none."""
    return RemappedRows(**{"correctable": 0, "uncorrectable": 0, "pending": False, "failed": False, **given})


def xid(number: int, severity: Any) -> Xid:
    """Return an XID that came once."""
    return Xid(xid=number, severity=severity, meaning="", count=1, first_at=NOW, last_at=NOW)


def instance(**given: Any) -> Instance:
    """Return a MIG device."""
    usual: dict[str, Any] = {
        "uuid": MIG,
        "gpu_instance_id": 7,
        "compute_instance_id": 0,
        "profile": "1g.10gb",
        "utilization_percent": 40.0,
        "memory_total_bytes": 10 * 2**30,
        "memory_used_bytes": 2**30,
    }
    return Instance(**{**usual, **given})


def holder(pod: str, device_id: str = UUID, **given: Any) -> Holder:
    """Return who holds a GPU."""
    usual = {"gpu_uuid": UUID, "instance_uuid": None}
    return Holder(
        namespace="ml",
        pod=pod,
        container="main",
        resource="nvidia.com/gpu",
        device_id=device_id,
        **{**usual, **given},
    )


def report(*gpus: Gpu, holders: tuple[Holder, ...] | None = ()) -> Report:
    """Return a report of these GPUs."""
    return Report(
        node="node-1",
        agent="1.2.3",
        started_at=NOW,
        interval_seconds=5.0,
        sampled_at=NOW,
        xids_since=NOW,
        driver=Driver(state="ready", version="580.159.04"),
        kubelet=Kubelet(state="ok", listed_at=NOW),
        gpus=gpus,
        holders=holders,
        claimed=(),
        allocatable=None,
    )
