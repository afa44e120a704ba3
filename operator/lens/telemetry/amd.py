"""Parse AMD's device-metrics-exporter, with any prefix of its metric names.

Source: pkg/amdgpu/gpuagent/gpuagent_gpu_metrics.go and docs/configuration of ROCm/device-metrics-exporter.
The metrics depend on the GPU and on the exporter's settings: MI2xx has an edge temperature and an average
power, MI3xx a junction temperature and a current power; its first versions have 0 or 65535 for what the GPU
lacks. Each partition of a GPU is listed as a GPU, and they share a serial number. The exporter has no
timestamps, so its samples count as just taken.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import fmean
from sys import intern
from typing import TypeVar

from lens.model.gpu.identities import identity
from lens.model.gpu.node_report import MAX_GPUS, MAX_INSTANCES, Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry
from lens.telemetry.prometheus_parser import (
    MAX_MIB,
    MIB,
    NOT_EXPORTED,
    Exposition,
    Labels,
    Sample,
    Values,
    holder,
    number,
)
from lens.telemetry.scrape_client import ScrapeResponse
from lens.telemetry.scrape_error import ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target

_ACTIVITY = "gfx_activity"
_USED = "used_vram"
# The second is the first versions' name.
_TOTALS = ("total_vram", "total_memory")
_TEMPERATURES = ("edge_temperature", "junction_temperature")
_POWERS = ("package_power", "average_package_power", "power_usage")
_HEALTH = "health"

_MAX_WATTS = 20_000
"""More watts than any GPU draws, and less than 65535, which stands for an unknown value."""

_WANTED = {name.encode(): name for name in (_ACTIVITY, _USED, *_TOTALS, *_TEMPERATURES, *_POWERS, _HEALTH)}

_UNPARTITIONED = frozenset(("", "spx", "na", "n/a", "none"))

V = TypeVar("V")


class _Device:
    """The samples of one GPU or partition.

    ``gpu_uuid``, whose label is off by default, and ``serial``, which the partitions of a GPU share, are None
    where the exporter has a placeholder.
    """

    def __init__(self, node: str, index: int, labels: Labels) -> None:
        self.node = node
        self.index = index
        self.labels = labels
        self.values = Values()
        self.gpu_uuid = identity(labels.get("gpu_uuid"))
        self.serial = identity(labels.get("serial_number"))
        text = labels.get("gpu_partition_id", "")
        self.partition = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    @property
    def own_id(self) -> str:
        """The identity of this GPU or partition."""
        return self.gpu_uuid or f"{self.node}/{self.index}"

    @property
    def uuid(self) -> str:
        """The UUID, or else the serial number and the partition's number."""
        if self.gpu_uuid is None and self.serial is not None:
            return f"{self.serial}/{self.partition or 0}"
        return self.own_id

    @property
    def is_partition(self) -> bool:
        """Whether it is a part of a GPU, by the GPU's partitioning."""
        return self.labels.get("gpu_compute_partition_type", "").lower() not in _UNPARTITIONED

    @property
    def profile(self) -> str:
        """The GPU's partitioning, such as cpx_nps4."""
        kinds = ("gpu_compute_partition_type", "gpu_memory_partition_type")
        return "_".join(filter(None, (self.labels.get(kind, "").lower() for kind in kinds)))


def read_amd(target: Target, answer: ScrapeResponse, received_at: float) -> ScrapeResult:
    """Parse a response of a device-metrics-exporter. Raise ScrapeError."""
    devices: dict[int, _Device] = {}
    exposition = Exposition(answer.body, _wanted)
    exposition.read(lambda sample: _add_sample(sample, target.node, devices))
    grouped = _grouped(devices.values())
    if len(grouped) > MAX_GPUS:
        raise ScrapeError("invalid", f"answers what can't be: more than {MAX_GPUS} GPUs on a node")
    gpus = tuple(_gpu(parts, received_at) for parts in grouped)
    telemetry = NodeTelemetry(
        node=target.node,
        source="amd",
        sampled_at=received_at,
        gpus=gpus,
        holders=tuple(_holders(grouped)),
        problem=exposition.problem,
    )
    invalid = exposition.malformed_lines or any(device.values.out_of_range for device in devices.values())
    return ScrapeResult(telemetry, frozenset({"invalid"}) if invalid else frozenset())


def _wanted(metric: bytes) -> str | None:
    """Remove the prefix, whose end only the exporter knows: all names begin with gpu_, or at first GPU_."""
    _, gpu, name = metric.lower().rpartition(b"gpu_")
    return _WANTED.get(name) if gpu else None


def _add_sample(sample: Sample, node: str, devices: dict[int, _Device]) -> None:
    """Add a sample to its device. Raise MalformedLineError."""
    index = number(sample.labels, "gpu_id")
    if index not in devices:
        if len(devices) >= MAX_GPUS * MAX_INSTANCES:
            raise ScrapeError("invalid", "answers what can't be: too many partitions on a node")
        devices[index] = _Device(node, index, sample.labels)
    devices[index].values.set(sample.metric, sample.value)


def _grouped(devices: Iterable[_Device]) -> list[list[_Device]]:
    """Return the partitions of each GPU; an unpartitioned GPU is its only one.

    An identity that several have is none: a UUID, or the serial number of GPUs that
    aren't partitions, or of partitions with the same number.
    """
    in_order = sorted(devices, key=lambda device: device.index)
    uuids = Counter(device.gpu_uuid for device in in_order)
    by_serial: dict[str, list[_Device]] = {}
    for device in in_order:
        if uuids[device.gpu_uuid] > 1:
            device.gpu_uuid = None
        by_serial.setdefault(device.serial or f"/{device.index}", []).append(device)
    grouped: list[list[_Device]] = []
    for parts in by_serial.values():
        numbers = {part.partition for part in parts} - {None}
        if len(parts) == 1 or len(numbers) == len(parts) or (not numbers and parts[0].is_partition):
            grouped.append(parts)
            continue
        for part in parts:
            part.serial = None
            grouped.append([part])
    return sorted(grouped, key=lambda parts: parts[0].index)


def _uuid(parts: list[_Device]) -> str:
    """Return the GPU's UUID. The UUIDs of several partitions are not the GPU's."""
    return (len(parts) == 1 and parts[0].gpu_uuid) or parts[0].serial or parts[0].own_id


def _gpu(parts: list[_Device], received_at: float) -> GpuTelemetry:
    """Combine a GPU from its partitions; an unpartitioned GPU is its only one.

    Most versions export the activity of no partition, or only of the first one.
    """
    labels, values = parts[0].labels, parts[0].values
    measured = tuple(map(_part, parts))
    temperature = values.first_above_zero("temperature_celsius", *_TEMPERATURES, most=1000)
    power = values.first_above_zero("power_watts", *_POWERS, most=_MAX_WATTS)
    reasons = {"shares": NOT_EXPORTED}
    for part in parts:
        reasons |= part.values.reasons
    utilizations = _all(each.utilization_percent for each in measured)
    return GpuTelemetry(
        index=parts[0].index,
        uuid=_uuid(parts),
        sampled_at=received_at,
        health=_health(parts),
        product=intern(labels.get("card_series") or labels.get("card_model") or "") or None,
        utilization_percent=None if utilizations is None else round(fmean(utilizations), 2),
        memory_used_bytes=_sum(each.memory_used_bytes for each in measured),
        memory_total_bytes=_sum(each.memory_total_bytes for each in measured),
        temperature_celsius=temperature,
        power_watts=power,
        instances=measured if len(measured) > 1 else (),
        reasons=reasons,
    )


def _part(device: _Device) -> InstanceTelemetry:
    values = device.values
    utilization = values.field_value("utilization_percent", _ACTIVITY, most=100)
    used = values.field_value("memory_used_bytes", _USED, most=MAX_MIB)
    total = values.field_value("memory_total_bytes", *_TOTALS, most=MAX_MIB)
    return InstanceTelemetry(
        uuid=device.uuid,
        gpu_instance_id=device.partition or 0,
        compute_instance_id=0,
        profile=intern(device.profile) or None,
        utilization_percent=utilization,
        memory_used_bytes=None if used is None else round(used * MIB),
        memory_total_bytes=None if total is None else round(total * MIB),
        reasons=dict(values.reasons),
    )


def _all(values: Iterable[V | None]) -> list[V] | None:
    """Return the values, or None unless all of them are known."""
    found = list(values)
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else None


def _sum(values: Iterable[int | None]) -> int | None:
    known = _all(values)
    return None if known is None else sum(known)


def _health(parts: list[_Device]) -> Health:
    values = [part.values.first(_HEALTH, most=1) for part in parts]
    if any(value == 0 for value in values):
        return Health(state="critical", because=("unhealthy, says the exporter",))
    return Health(state="ok") if all(value == 1 for value in values) else Health(state="unknown")


def _holders(grouped: Iterable[list[_Device]]) -> Iterator[Holder]:
    for parts in grouped:
        for part in parts:
            named = holder(part.labels, _uuid(parts), part.uuid if len(parts) > 1 else None)
            if named is not None:
                yield named
