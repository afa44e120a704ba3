"""What a reader makes of an answer."""

from typing import NamedTuple

from lens.model.gpu.telemetry import NodeTelemetry
from lens.telemetry.refusal import Reason


class Reading(NamedTuple):
    """A node's telemetry, and why parts of the answer were not taken as they came."""

    telemetry: NodeTelemetry
    doubts: frozenset[Reason] = frozenset()
