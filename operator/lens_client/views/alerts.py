"""Alerts and events."""

from collections.abc import Mapping
from typing import Any

from lens_client.api import schema
from lens_client.output.table import Cell, Column, Row
from lens_client.output.view import View
from lens_client.views.cells import SEVERITIES, Clock, age

CLEARED = "cleared"
"""The severity of an alert that a watch has seen end."""


def _kubectl_name(source: str) -> str:
    """Return an object of Kubernetes as kubectl names it, without its namespace: ``Node/a`` is ``node/a``."""
    kind, *path = source.split("/")
    if kind == "GPU":
        return f"node/{path[0]}" if path else source
    return f"{kind.lower()}/{path[-1]}" if path else source


def alerts(clock: Clock) -> View:
    """Return the list of alerts, with their ages by the ``clock``."""
    return View(
        field="alerts",
        columns=(
            Column(
                "SEVERITY",
                lambda alert: Cell(alert["severity"] or "", SEVERITIES.get(alert["severity"], "dim")),
                rank=2,
            ),
            Column("TYPE", lambda alert: alert["type"], shrink="end"),
            Column("OBJECT", lambda alert: alert["source"], shrink="middle", least=10),
            Column("AGE", lambda alert: age(alert["timestamp"], clock), right=True, rank=1),
            Column("MESSAGE", lambda alert: alert["message"], rank=3, shrink="end", least=16),
            Column("ACTION", lambda alert: alert["action"], True),
        ),
        csv=tuple(schema.Alert.__annotations__),
        name=lambda alert: _kubectl_name(alert["source"]),
        nothing="No alerts.",
    )


def _event_style(row: Row) -> Cell:
    kind = row["reason"] if row["type"] == "Kubernetes" and row["reason"] else row["type"]
    bad = row["type"] == "Kubernetes" or kind.endswith(("Failed", "Lost", "Unhealthy", "NotReady", "Raised"))
    return Cell(kind, "yellow" if bad else "")


def events(clock: Clock) -> View:
    """Return the list of events, with their ages by the ``clock``."""
    return View(
        field="recent_events",
        columns=(
            Column("LAST SEEN", lambda event: age(event["timestamp"], clock), right=True, rank=1),
            Column("TYPE", _event_style, shrink="end"),
            Column("OBJECT", lambda event: event["object"], rank=2, shrink="middle"),
            Column("TIME", lambda event: event["timestamp"], True),
            Column("SOURCE", lambda event: event["source"], True),
            Column("MESSAGE", lambda event: event["message"], shrink="end", least=14),
        ),
        csv=tuple(schema.Event.__annotations__),
        name=lambda event: _kubectl_name(event["object"]),
        nothing="No events.",
    )


def is_of(row: Mapping[str, Any], namespace: str) -> bool:
    """Return whether an alert or event is about a pod of the namespace, or the namespace."""
    return bool(row["namespace"] == namespace)
