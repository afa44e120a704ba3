"""Alerts, events and their settings are documented where a user looks for them."""

from pathlib import Path
from typing import get_args

from lens.config import ServeSettings
from lens.model.alerts.alert import Thresholds
from lens.model.alerts.catalogue import ALERT_TYPES
from lens.model.events.transitions import Type

REFERENCE = (Path(__file__).parents[2] / "docs" / "realtime.md").read_text()


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
