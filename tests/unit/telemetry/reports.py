"""Reports made up for tests, as an agent writes them."""

import json
from typing import Any

from lens.telemetry.targets import Target

AGENT = Target("node-1", "http://127.0.0.1:1/v1/devices", "agent", "lens-agent-x", "uid-1")
Object = dict[str, Any]


def gpu(**fields: Any) -> Object:
    """Return a GPU of a report."""
    return {
        "index": 0,
        "uuid": "GPU-1",
        "sampled_at": 1000.0,
        "health": {"state": "ok", "because": []},
        "product": "NVIDIA H100 80GB HBM3",
        "utilization_percent": 73.2,
        "memory_total_bytes": 85520809984,
        "memory_used_bytes": 45520809984,
        "temperature_celsius": 55,
        "power_watts": 512.1,
        "recovery_action": "NONE",
        "processes": [],
        "reasons": {},
    } | fields


def process(pid: int, **fields: Any) -> Object:
    """Return a process of a GPU."""
    return {"pid": pid, "used_memory_bytes": 1000, "utilization_percent": 10.0} | fields


def report(*gpus: Object, **fields: Any) -> Object:
    """Return a report of a node that is well."""
    return {
        "version": 1,
        "node": "node-1",
        "agent": "0.1.0",
        "started_at": 900.0,
        "interval_seconds": 5.0,
        "sampled_at": 1000.0,
        "xids_since": 900.0,
        "driver": {"state": "ready", "version": "580.95.05"},
        "kubelet": {"state": "ok", "listed_at": 999.0},
        "gpus": gpus or [gpu()],
        "holders": [],
        "claimed": [],
        "allocatable": {},
    } | fields


def written(raw: object) -> bytes:
    """Return a report's bytes; NaN and Infinity are written as Python writes them."""
    return json.dumps(raw).encode()
