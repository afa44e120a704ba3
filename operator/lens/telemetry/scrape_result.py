"""The result of reading a target's response."""

from typing import NamedTuple

from lens.model.gpu.telemetry import NodeTelemetry
from lens.telemetry.scrape_error import Reason


class ScrapeResult(NamedTuple):
    """A node's telemetry, and warnings for the parts of the response that were corrected or dropped."""

    telemetry: NodeTelemetry
    warnings: frozenset[Reason] = frozenset()
