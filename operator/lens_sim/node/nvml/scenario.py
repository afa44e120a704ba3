"""The file that drives the simulated library: what its GPUs are like at which time.

The library looks at it 50 times a second at most and reads it again when it changed. One line says one
thing; times are seconds after ``start``, and hold from then on; ``#`` begins a comment::

    start 1766158200.0                 when times begin, in seconds since the epoch
    latency 0                          whether calls take as long as on the H100 (1, the default)
    driver 580.159.04
    gpus 2                             comes before what it says of each
    error nvmlDeviceGetCount_v2 18 30  every call of a function fails with an NVML code; * is all of them
    slow nvmlInitWithFlags 500 0       takes that many milliseconds
    gpu 0 utilization 0=5 60=95        percent: a number, steps, or "wave LOW HIGH PERIOD"
    gpu 0 memory 9142337536            bytes in use, likewise over time
    gpu 0 error nvmlDeviceGetPowerUsage 4 0
    gpu 0 slow nvmlDeviceGetTemperature 3000 10
    gpu 0 lost 12                      has fallen off the bus
    gpu 0 xid 10 79 4294967295 4294967295      when, which, of which GPU and compute instance
    gpu 0 process 451 9133096960 4294967295 4294967295 94
    gpu 1 mig 1
    gpu 1 instance 7 0 1g.10gb MIG-uuid 1 9728 0 50    ids, profile, uuid, slices, MiB, bytes used, percent
    gpu 1 uuid, name, minor, architecture, ecc, rows, clocks, recovery, nvlinks
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NO_INSTANCE = 0xFFFFFFFF
"""What NVML gives as the instance of what belongs to a whole GPU."""


@dataclass(frozen=True)
class Wave:
    """A value that goes from ``low`` to ``high`` and back in ``period`` seconds."""

    low: float
    high: float
    period: float


Series = float | Wave | Mapping[float, float]
"""A value over time: always the same, a wave, or steps by the time from which each holds."""


@dataclass(frozen=True)
class Fault:
    """A function that fails with an NVML error code, from a time on."""

    function: str
    code: int
    since: float = 0.0


@dataclass(frozen=True)
class Delay:
    """A function that takes ``seconds``, from a time on."""

    function: str
    seconds: float
    since: float = 0.0


@dataclass(frozen=True)
class Xid:
    """An XID event and when it comes."""

    number: int
    at: float
    gpu_instance: int = NO_INSTANCE
    compute_instance: int = NO_INSTANCE


@dataclass(frozen=True)
class Process:
    """A process on a GPU."""

    pid: int
    used_memory: int
    utilization: Series = 0.0
    gpu_instance: int = NO_INSTANCE
    compute_instance: int = NO_INSTANCE


@dataclass(frozen=True)
class Instance:
    """A MIG device: a compute instance with the whole of a GPU instance's memory."""

    gpu_instance: int
    uuid: str
    profile: str = "1g.10gb"
    compute_instance: int = 0
    slices: int = 1
    memory_mib: int = 9728
    used_memory: int = 0
    utilization: Series = 0.0


@dataclass
class Gpu:
    """A GPU; what is None is as on the recorded H100."""

    uuid: str | None = None
    name: str | None = None
    minor: int | None = None
    architecture: int | None = None
    utilization: Series = 0.0
    memory: Series = 0.0
    ecc: tuple[int, int] = (0, 0)
    """Uncorrected errors: volatile, aggregate."""
    rows: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Remapped rows: correctable, uncorrectable, pending, failed."""
    clocks: int | None = None
    """The reasons that hold clocks down, as NVML's bits."""
    recovery: int = 0
    nvlinks: tuple[int, int] | None = None
    """How many there are, and how many of them are up."""
    lost: float | None = None
    mig: bool = False
    instances: list[Instance] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    xids: list[Xid] = field(default_factory=list)
    faults: list[Fault | Delay] = field(default_factory=list)


@dataclass
class Scenario:
    """All of it. ``start`` is the epoch second from which times count."""

    gpus: list[Gpu] = field(default_factory=lambda: [Gpu()])
    start: float = field(default_factory=time.time)
    driver: str | None = None
    latency: bool = True
    faults: list[Fault | Delay] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the file in one go, so that the library never sees half of it."""
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_text("".join(f"{line}\n" for line in self._lines()))
        os.replace(unfinished, path)

    def _lines(self) -> list[str]:
        lines = [f"start {self.start!r}", f"latency {int(self.latency)}", f"gpus {len(self.gpus)}"]
        if self.driver is not None:
            lines.append(f"driver {self.driver}")
        lines += [_fault(each) for each in self.faults]
        for index, gpu in enumerate(self.gpus):
            lines += [f"gpu {index} {line}" for line in _gpu(gpu)]
        return lines


def _gpu(gpu: Gpu) -> list[str]:
    lines = [f"utilization {_series(gpu.utilization)}", f"memory {_series(gpu.memory)}"]
    given = ("uuid", "name", "minor", "architecture", "clocks", "lost")
    lines += [f"{key} {value}" for key in given if (value := getattr(gpu, key)) is not None]
    lines.append(f"ecc {_numbers(gpu.ecc)}")
    lines.append(f"rows {_numbers(gpu.rows)}")
    lines.append(f"recovery {gpu.recovery}")
    lines.append(f"mig {int(gpu.mig)}")
    if gpu.nvlinks is not None:
        lines.append(f"nvlinks {_numbers(gpu.nvlinks)}")
    lines += [
        f"instance {each.gpu_instance} {each.compute_instance} {each.profile} {each.uuid} {each.slices} "
        f"{each.memory_mib} {each.used_memory} {_series(each.utilization)}"
        for each in gpu.instances
    ]
    lines += [
        f"process {each.pid} {each.used_memory} {each.gpu_instance} {each.compute_instance} "
        f"{_series(each.utilization)}"
        for each in gpu.processes
    ]
    lines += [
        f"xid {each.at!r} {each.number} {each.gpu_instance} {each.compute_instance}" for each in gpu.xids
    ]
    return lines + [_fault(each) for each in gpu.faults]


def _fault(fault: Fault | Delay) -> str:
    if isinstance(fault, Fault):
        return f"error {fault.function} {fault.code} {fault.since!r}"
    return f"slow {fault.function} {fault.seconds * 1000!r} {fault.since!r}"


def _series(series: Series) -> str:
    if isinstance(series, Wave):
        return f"wave {series.low!r} {series.high!r} {series.period!r}"
    if isinstance(series, Mapping):
        return " ".join(f"{at!r}={value!r}" for at, value in sorted(series.items()))
    return repr(series)


def _numbers(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers))
