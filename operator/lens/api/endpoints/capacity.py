"""The part of a node's row that is capacity: without names of pods and namespaces.

A taint's value may be the name of a team, and so of its namespace; what pods have to tolerate is its key.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

HIDDEN_OF_NODES = frozenset({"reservations"})

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def capacity_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node's row without names of pods and without the values of taints."""
    return {
        **{field: value for field, value in row.items() if field not in HIDDEN_OF_NODES},
        "taints": [without_value(taint) for taint in row["taints"]],
    }


def capacity_json(row: bytes) -> msgspec.Raw:
    """Return the same of a row that is JSON."""
    return msgspec.Raw(_encode(capacity_row(_decode(row))))


def without_value(taint: str) -> str:
    """Return ``key:Effect`` of ``key=value:Effect``; neither a key nor an effect has a = or a :."""
    key, has_value, rest = taint.partition("=")
    return f"{key}:{rest.rpartition(':')[2]}" if has_value else taint
