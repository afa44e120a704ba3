"""The chart's files."""

from pathlib import Path

CHART = Path(__file__).parents[2] / "charts" / "lens"
CI = sorted((CHART / "ci").glob("*.yaml"))
PRESETS = sorted((CHART / "presets").glob("*.yaml"))
