"""The figures of the end-to-end tests, in ``build/e2e.json``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[3] / "build" / "e2e.json"


def add(figures: Mapping[str, Any]) -> None:
    """Add figures to those that are there."""
    known = json.loads(FILE.read_text()) if FILE.is_file() else {}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({**known, **figures}, indent=1) + "\n")
