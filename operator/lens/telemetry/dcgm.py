"""Parse NVIDIA's dcgm-exporter by the names of its default counters.

Source: etc/default-counters.csv and internal/pkg/rendermetrics of NVIDIA/dcgm-exporter. From 4.9.0 on they
are the names of DCGM 4.7, most of them in other units. In MIG mode it has a sample for each GPU instance, and
repeats the whole GPU's values on each. It has no timestamps: its samples are up to a collect interval old,
and count as just taken. It has the last XID of each GPU, those of a time window if DCGM_EXP_XID_ERRORS_COUNT
is on, and all since its start if DCGM_EXP_XID_ERRORS_TOTAL is on; an XID that it had before counts until the
exporter restarts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from sys import intern

import msgspec

from lens.model.gpu.device_ids import pci_bus_id
from lens.model.gpu.identities import identity
from lens.model.gpu.node_report import MAX_GPUS, MAX_HOLDERS, MAX_INSTANCES, MAX_XIDS, Holder
from lens.model.gpu.telemetry import NodeTelemetry
from lens.telemetry.dcgm_gpu import (
    ACTIVE,
    FREE,
    MAX_XID,
    POWER,
    RESERVED,
    TEMPERATURE,
    TOTAL,
    USED,
    UTIL,
    XID,
    DcgmGpu,
    DcgmInstance,
    gpu_telemetry,
)
from lens.telemetry.prometheus_parser import MIB, Exposition, Labels, Sample, holder, number
from lens.telemetry.scrape_client import ScrapeResponse
from lens.telemetry.scrape_error import Reason, ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target
from lens.telemetry.truncation import TruncatedLists

_PREFIX = "DCGM_FI_"
_XID_COUNT = "XID_COUNT"

_RENAMED = {
    "DEV_GPU_UTIL_RATIO": (UTIL, 100.0),
    "PROF_GR_ENGINE_UTIL_RATIO": (ACTIVE, 1.0),
    "DEV_FB_USED_BYTES": (USED, 1 / MIB),
    "DEV_FB_FREE_BYTES": (FREE, 1 / MIB),
    "DEV_FB_CAPACITY_BYTES": (TOTAL, 1 / MIB),
    "DEV_FB_RESERVED_BYTES": (RESERVED, 1 / MIB),
    "DEV_GPU_TEMP_CELSIUS": (TEMPERATURE, 1.0),
    "DEV_BOARD_POWER_WATTS": (POWER, 1.0),
    "DEV_XID_ERROR": (XID, 1.0),
}
"""The names of DCGM 4.7 for the fields, and the factors to the older units."""

_WANTED = {
    f"{_PREFIX}{name}".encode(): name
    for name in (UTIL, ACTIVE, USED, FREE, TOTAL, RESERVED, TEMPERATURE, POWER, XID, *_RENAMED)
} | {f"DCGM_EXP_XID_ERRORS_{kind}".encode(): _XID_COUNT for kind in ("COUNT", "TOTAL")}


_GpuKey = tuple[str, int]
"""A GPU's uuid and index in the exporter's labels."""


class DcgmReader:
    """Parse the responses of one dcgm-exporter, and remember the XIDs that it had."""

    def __init__(self, target: Target) -> None:
        """Remember nothing yet."""
        self._target = target
        self._xids: dict[_GpuKey, set[int]] = {}

    def __call__(self, answer: ScrapeResponse, received_at: float) -> ScrapeResult:
        """Parse a response. Raise ScrapeError."""
        return read_dcgm(self._target, answer, received_at, self._xids)


def read_dcgm(
    target: Target,
    answer: ScrapeResponse,
    received_at: float,
    known_xids: dict[_GpuKey, set[int]] | None = None,
) -> ScrapeResult:
    """Parse a response of dcgm-exporter. Raise ScrapeError.

    ``known_xids`` are those of earlier responses, and get those of this one.
    """
    found: dict[_GpuKey, DcgmGpu] = {}
    exposition = Exposition(answer.body, _WANTED.get)
    exposition.read(lambda sample: _add_sample(sample, found))
    if known_xids is not None:
        _remember_xids(found, known_xids)
    gpus = sorted(found.values(), key=lambda gpu: gpu.index)
    uuids = Counter(gpu.uuid for gpu in gpus)
    for gpu in gpus:
        if identity(gpu.uuid) is None or uuids[gpu.uuid] > 1:
            gpu.uuid = f"{target.node}/{gpu.index}"
    truncated = TruncatedLists()
    read = tuple(gpu_telemetry(gpu, received_at) for gpu in gpus)
    out_of_range = any(
        values.out_of_range
        for gpu in gpus
        for values in (gpu.values, *(each.values for each in gpu.instances.values()))
    )
    telemetry = NodeTelemetry(
        node=target.node,
        source="dcgm",
        sampled_at=received_at,
        gpus=read,
        holders=truncated.first("holders", MAX_HOLDERS, tuple(_holders(gpus))),
        problem="; ".join(filter(None, (exposition.problem, truncated.problem))) or None,
    )
    warnings: dict[Reason, bool] = {
        "invalid": out_of_range or bool(exposition.malformed_lines),
        "cut": bool(truncated),
    }
    return ScrapeResult(telemetry, frozenset(reason for reason, found in warnings.items() if found))


def _remember_xids(gpus: dict[_GpuKey, DcgmGpu], known: dict[_GpuKey, set[int]]) -> None:
    """Add to each GPU the XIDs of earlier responses, unless the exporter lost them in a restart."""
    for key, gpu in gpus.items():
        if gpu.xids:
            gpu.xids |= set(islice(known.get(key, ()), MAX_XIDS))
        elif gpu.values.first(XID, most=MAX_XID) is None:
            gpu.xids = set(known.get(key, ()))
    known.clear()
    known.update((key, gpu.xids) for key, gpu in gpus.items() if gpu.xids)


def _add_sample(sample: Sample, gpus: dict[_GpuKey, DcgmGpu]) -> None:
    """Add a sample to its GPU or instance, and the container that it names. Raise MalformedLineError."""
    labels = sample.labels
    metric, scale = _RENAMED.get(sample.metric, (sample.metric, 1.0))
    value = sample.value * scale
    # 0 stands for no XID.
    counted_xid = number(labels, "xid") if metric == _XID_COUNT and value else None
    uuid, index = labels.get("UUID") or labels.get("uuid", ""), number(labels, "gpu")
    gpu_instance = number(labels, "GPU_I_ID") if labels.get("GPU_I_ID") else None
    gpu = gpus.get((uuid, index))
    if gpu is None:
        if len(gpus) >= MAX_GPUS:
            raise ScrapeError("invalid", f"answers what can't be: more than {MAX_GPUS} GPUs on a node")
        gpu = gpus[uuid, index] = DcgmGpu(
            index, uuid, intern(labels.get("modelName", "")), pci_bus_id(labels.get("pci_bus_id", ""))
        )
    if metric == _XID_COUNT:
        if counted_xid is not None and value > 0 and len(gpu.xids) < MAX_XIDS:
            gpu.xids.add(counted_xid)
        return
    if metric == XID and 1 <= value <= MAX_XID and len(gpu.xids) < MAX_XIDS:
        gpu.xids.add(round(value))
    instance = None if gpu_instance is None else _instance(labels, gpu, gpu_instance)
    if instance is None or metric in (UTIL, TEMPERATURE, POWER, XID):
        gpu.values.set(metric, value)
    else:
        instance.values.set(metric, value)
    named = holder(labels, uuid, None)
    if named is not None:
        gpu.holders[named, gpu_instance] = None


def _holders(gpus: Iterable[DcgmGpu]) -> Iterator[Holder]:
    for gpu in gpus:
        for named, instance in gpu.holders:
            yield msgspec.structs.replace(named, gpu_uuid=gpu.uuid, instance_uuid=gpu.instance_uuid(instance))


def _instance(labels: Labels, gpu: DcgmGpu, number: int) -> DcgmInstance:
    if number not in gpu.instances:
        if len(gpu.instances) >= MAX_INSTANCES:
            raise ScrapeError("invalid", f"answers what can't be: more than {MAX_INSTANCES} instances")
        gpu.instances[number] = DcgmInstance(intern(labels.get("GPU_I_PROFILE", "")))
    return gpu.instances[number]
