"""Read the memory of a GPU or of a MIG device."""

from functools import partial
from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.nvml import FUNCTION_NOT_FOUND, NvmlQuery
from lens.model.gpu.node_report import MAX_COUNT


class Memory(NamedTuple):
    """Bytes; what can't be read is None."""

    total: int | None = None
    used: int | None = None
    reserved: int | None = None


def read_memory(query: NvmlQuery, handle: Any) -> Memory:
    """Return a device's memory, and keep the reasons of what is unknown.

    Drivers before R510 have no nvmlDeviceGetMemoryInfo_v2: theirs doesn't tell what the driver has reserved,
    and counts it as used.
    """
    found = query.newest(
        "memory_used_bytes",
        partial(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2),
        partial(pynvml.nvmlDeviceGetMemoryInfo, handle),
    )
    if found is None:
        for name in ("memory_total_bytes", "memory_reserved_bytes"):
            query.set_reason(name, query.reasons["memory_used_bytes"])
        return Memory()
    reserved = getattr(found, "reserved", None)
    if reserved is None:
        query.set_reason("memory_reserved_bytes", FUNCTION_NOT_FOUND)
    return Memory(
        total=query.in_bounds("memory_total_bytes", found.total, MAX_COUNT),
        used=query.in_bounds("memory_used_bytes", found.used, MAX_COUNT),
        reserved=query.in_bounds("memory_reserved_bytes", reserved, MAX_COUNT),
    )
