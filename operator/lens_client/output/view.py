"""What a command prints: rows of an answer, and the columns of their table."""

from collections.abc import Callable
from typing import NamedTuple

from lens_client.output.table import Column, Row


class View(NamedTuple):
    """The rows that an answer has in ``field``; without a field the answer itself is the only row.

    ``csv`` are the names of the rows' fields, in the API's order. ``name`` returns ``kind/name`` for
    ``-o name``; None if rows are no objects of Kubernetes. ``nothing`` is printed where there are no rows.
    """

    field: str | None
    columns: tuple[Column, ...]
    csv: tuple[str, ...]
    name: Callable[[Row], str] | None = None
    nothing: str = ""
