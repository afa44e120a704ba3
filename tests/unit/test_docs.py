"""Alerts, events and their settings are documented where a user looks for them, and paths lead to files."""

import re
from pathlib import Path
from typing import get_args

from lens.config.serve import ServeSettings
from lens.model.alerts.alert import Thresholds
from lens.model.alerts.catalogue import ALERT_TYPES
from lens.model.events.transitions import Type

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = (DOCS / "realtime.md").read_text()

ROOTS = [ROOT / each for each in ("", "operator", "operator/lens", "operator/lens/model")]
"""From where the documents name a path."""

MADE = {"build", "dist"}
"""Folders that programs make, and that no clone has."""


def test_every_alert_has_a_row_with_its_severities() -> None:
    for kind in ALERT_TYPES:
        (row,) = (line for line in REFERENCE.splitlines() if line.startswith(f"| `{kind.type}` |"))
        assert all(severity in row.split("|")[2] for severity in kind.severities), row


def test_every_threshold_has_one_default() -> None:
    defaults = ServeSettings(cluster="c", auth="none").thresholds()
    assert defaults == Thresholds()


def test_every_type_of_event_is_named() -> None:
    assert [type_ for type_ in get_args(Type) if f"`{type_}`" not in REFERENCE] == []


def test_every_threshold_is_named_with_its_default() -> None:
    names = [name for name in ServeSettings.model_fields if name.startswith(("alert_", "events_"))]
    assert len(names) > 5
    for name in names:
        default = ServeSettings.model_fields[name].default
        assert f"`LENS_{name.upper()}` ({default:g}" in REFERENCE, name


def test_every_path_in_the_documents_exists() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")]
    missing = []
    for document in documents:
        for path in re.findall(r"`([a-z_]+(?:/[\w.-]+)+)/?`", document.read_text()):
            first, *_, last = path.split("/")
            roots = [root for root in ROOTS if (root / first).is_dir() and first not in MADE]
            found = any((root / each).exists() for root in roots for each in (path, f"{path}.py"))
            if roots and not found and not last.isupper():
                missing.append(f"{document.name}: {path}")
    assert missing == []
