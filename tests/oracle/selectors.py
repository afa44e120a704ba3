"""Selectors of devices in CEL, as drivers' documentation and users write them, and devices to try them on.

``selectors.txt`` has one on each line.
"""

import json
from pathlib import Path
from typing import Any

from lens.model.fit.dra.cel.library import EvaluationError
from lens.model.fit.dra.cel.tokens import UnsupportedError
from lens.model.fit.dra.devices import Device
from lens.model.fit.dra.matching import matches
from lens.model.fit.dra.slices import read_slice
from tests.oracle.program import Oracle

Object = dict[str, Any]

SELECTORS = (Path(__file__).parent / "selectors.txt").read_text().splitlines()

DEVICES: list[tuple[str, Object]] = [
    (
        "gpu.nvidia.com",
        {
            "name": "gpu-0",
            "attributes": {
                "type": {"string": "gpu"},
                "productName": {"string": "NVIDIA H100 80GB HBM3"},
                "uuid": {"string": "GPU-1"},
                "driverVersion": {"version": "570.124.6"},
                "cudaDriverVersion": {"version": "12.8.0"},
                "cudaComputeCapability": {"version": "9.0.0"},
                "index": {"int": 0},
                "architecture": {"string": "Hopper"},
                "resource.kubernetes.io/pcieRoot": {"string": "pci0000:00"},
                "fabric": {"bool": True},
            },
            "capacity": {"memory": {"value": "81559Mi"}},
        },
    ),
    (
        "gpu.nvidia.com",
        {
            "name": "mig-0",
            "attributes": {
                "type": {"string": "mig"},
                "profile": {"string": "1g.10gb"},
                "parentUUID": {"string": "GPU-1"},
                "productName": {"string": "NVIDIA A100-SXM4-40GB"},
            },
            "capacity": {"memory": {"value": "9856Mi"}, "multiprocessors": {"value": "14"}},
        },
    ),
    (
        "gpu.amd.com",
        {
            "name": "gpu-1",
            "attributes": {
                "type": {"string": "amdgpu"},
                "productName": {"string": "AMD_Instinct_MI300X"},
                "driverVersion": {"version": "6.10.5-rc.1+x"},
            },
            "capacity": {"memory": {"value": "196592Mi"}, "computeUnits": {"value": "304"}},
        },
    ),
    (
        "dra.example.com",
        {
            "name": "shared",
            "allowMultipleAllocations": True,
            "attributes": {
                "dra.example.com/oneBool": {"bool": True},
                "anotherBool": {"bool": False},
                "other.com/x": {"int": 3},
            },
            "capacity": {"other.com/q": {"value": "1500m"}, "bw": {"value": "10G"}},
        },
    ),
    ("none.example.com", {"name": "bare"}),
]

UNKNOWN, ERROR = "unknown", "error"


def ours(expression: str, driver: str, device: Object) -> bool | str:
    """Return what Lens says of a device: true, false, that it is CEL's error, or that it can't tell."""
    try:
        return matches(expression, read(driver, device), driver)
    except EvaluationError:
        return ERROR
    except UnsupportedError:
        return UNKNOWN


def read(driver: str, device: Object) -> Device:
    """Return a device as it is read from a slice."""
    pool = {"name": "pool", "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": driver, "pool": pool, "allNodes": True, "devices": [device]}
    return read_slice(json.dumps({"metadata": {"name": "slice"}, "spec": spec}).encode()).devices[0]


def theirs(oracle: Oracle, asked: list[tuple[str, str, Object]]) -> list[bool | str]:
    """Return what Kubernetes' own library says; UNKNOWN for what it doesn't compile."""
    cases = [
        {"expression": expression, "driver": driver, "device": device} for expression, driver, device in asked
    ]
    return [
        UNKNOWN if each.get("compile") else ERROR if each.get("error") else each["matches"]
        for each in oracle.ask({"selectors": cases})
    ]
