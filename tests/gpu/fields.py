"""What both the agent and nvidia-smi tell of a GPU, and how far apart the two may be.

Where a value moves by itself, nvidia-smi is asked before and after the agent's round, and the agent's has to
be between the two or no further from them than the tolerance.
"""

from collections.abc import Callable
from typing import NamedTuple

from lens.model.gpu.node_report import Gpu, Report
from tests.gpu.smi import Row, SmiError

MIB = 2**20

Value = str | float | bool | None


class Field(NamedTuple):
    """A field by nvidia-smi's name, read by ``read``; the larger of the two tolerances holds."""

    name: str
    read: Callable[[str], Value]
    of: Callable[[Report, Gpu], Value]
    tolerance: float = 0.0
    share: float = 0.0
    unit: str = ""

    @property
    def moves(self) -> bool:
        """Return whether the value changes by itself."""
        return bool(self.tolerance or self.share)

    @property
    def allowed(self) -> str:
        """Return the tolerance in words."""
        parts = [f"{self.tolerance:g} {self.unit}"] if self.tolerance else []
        parts += [f"{self.share:.0%}"] if self.share else []
        return f"± {' or '.join(parts)}" if parts else "the same"


class Comparison(NamedTuple):
    """A field's values by nvidia-smi, before and after, and by the agent, and whether they agree."""

    field: Field
    before: Value
    after: Value
    agent: Value
    agree: bool


def _switch(text: str) -> bool:
    return {"Enabled": True, "Disabled": False}[text]


def _mib(count: int | None) -> float | None:
    return None if count is None else count / MIB


FIELDS = (
    Field("uuid", str, lambda _, gpu: gpu.uuid),
    Field("index", float, lambda _, gpu: gpu.index),
    Field("name", str, lambda _, gpu: gpu.product),
    Field("pci.bus_id", str, lambda _, gpu: gpu.pci_bus_id),
    Field("driver_version", str, lambda report, _: report.driver.version),
    Field("memory.total", float, lambda _, gpu: _mib(gpu.memory_total_bytes), 1, unit="MiB"),
    Field("memory.reserved", float, lambda _, gpu: _mib(gpu.memory_reserved_bytes), 8, unit="MiB"),
    Field("memory.used", float, lambda _, gpu: _mib(gpu.memory_used_bytes), 32, unit="MiB"),
    Field("utilization.gpu", float, lambda _, gpu: gpu.utilization_percent, 5, unit="%"),
    Field("temperature.gpu", float, lambda _, gpu: gpu.temperature_celsius, 2, unit="°C"),
    Field("power.draw", float, lambda _, gpu: gpu.power_watts, 10, 0.1, unit="W"),
    Field("enforced.power.limit", float, lambda _, gpu: gpu.power_limit_watts, 1, unit="W"),
    Field("clocks.current.sm", float, lambda _, gpu: gpu.clock_sm_mhz, 30, 0.05, unit="MHz"),
    Field("clocks.current.memory", float, lambda _, gpu: gpu.clock_memory_mhz, 30, 0.05, unit="MHz"),
    Field("ecc.mode.current", _switch, lambda _, gpu: gpu.ecc_enabled),
    Field("ecc.errors.uncorrected.volatile.total", float, lambda _, gpu: gpu.ecc_uncorrected_volatile),
    Field("ecc.errors.uncorrected.aggregate.total", float, lambda _, gpu: gpu.ecc_uncorrected_aggregate),
    Field("mig.mode.current", _switch, lambda _, gpu: gpu.mig_enabled),
)

NAMES = tuple(field.name for field in FIELDS)


def compare(report: Report, gpu: Gpu, before: Row, after: Row) -> list[Comparison]:
    """Compare the agent's values of a GPU with nvidia-smi's. Raise SmiError for unreadable output."""
    return [_compare(field, report, gpu, before, after) for field in FIELDS]


def _compare(field: Field, report: Report, gpu: Gpu, before: Row, after: Row) -> Comparison:
    values = (_read(field, before), _read(field, after))
    agent = field.of(report, gpu)
    return Comparison(field, *values, agent, _agree(field, gpu, values, agent))


def _read(field: Field, row: Row) -> Value:
    text = row[field.name]
    try:
        return None if text is None else field.read(text)
    except (KeyError, ValueError):
        raise SmiError(f"nvidia-smi answers {text!r} for {field.name}") from None


def _agree(field: Field, gpu: Gpu, values: tuple[Value, Value], agent: Value) -> bool:
    if field.name == "utilization.gpu" and gpu.mig_enabled and values == (None, None):
        return True  # the agent has it from GPM, which nvidia-smi doesn't ask
    if isinstance(agent, float | int) and all(isinstance(value, float) for value in values):
        low, high = sorted(float(value or 0) for value in values)
        slack = max(field.tolerance, field.share * high)
        return low - slack <= agent <= high + slack
    return agent in values
