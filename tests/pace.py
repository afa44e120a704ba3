"""How much longer Python's own code takes here: under coverage each line is traced."""

import sys

TRACED = 10.0


def slowdown() -> float:
    """Return what a bound on processor time is multiplied by."""
    coverage = sys.modules.get("coverage")
    return 1.0 if coverage is None or coverage.Coverage.current() is None else TRACED
