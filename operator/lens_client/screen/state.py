"""What the screen shows: the latest rows of the stream, and what the user has chosen to see of them."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

from lens_client.listing.watch import Section


def _unusable(node: Mapping[str, Any]) -> int | None:
    unhealthy, unavailable = node["unhealthy_gpus"], node["unavailable_gpus"]
    return None if unhealthy is None or unavailable is None else int(unhealthy + unavailable)


class Order(NamedTuple):
    """A way to sort: by a field of the rows; names come from the smallest, and numbers from the largest."""

    label: str
    value: Callable[[Mapping[str, Any]], Any]
    largest_first: bool = True


NODE_ORDERS = (
    Order("util", lambda row: row["utilization"]),
    Order("available", lambda row: row["available_gpus"]),
    Order("allocated", lambda row: row["allocated_gpus"]),
    Order("unhealthy", _unusable),
    Order("tasks", lambda row: row["running_tasks"]),
    Order("product", lambda row: row["product"], largest_first=False),
    Order("name", lambda row: row["node_name"], largest_first=False),
)

TASK_ORDERS = (
    Order("util", lambda row: row["utilization"]),
    Order("gpus", lambda row: row["allocated_gpus"]),
    Order("memory", lambda row: row["memory_used_bytes"]),
    Order("age", lambda row: row["running_time_seconds"]),
    Order("node", lambda row: row["node_name"], largest_first=False),
    Order("name", lambda row: row["pod_name"], largest_first=False),
)

NODE_FIELDS = frozenset(
    {
        "node_name",
        "status",
        "unschedulable",
        "schedulable",
        "product",
        "total_gpus",
        "allocated_gpus",
        "available_gpus",
        "unhealthy_gpus",
        "unavailable_gpus",
        "utilization",
        "running_tasks",
    }
)
"""The fields of a node that the screen shows; the others would only take memory."""

TASK_FIELDS = frozenset(
    {
        "namespace",
        "pod_name",
        "pod_uid",
        "phase",
        "terminating",
        "allocated_gpus",
        "approximate",
        "utilization",
        "memory_used_bytes",
        "started_at",
        "running_time_seconds",
        "workload_type",
        "workload_name",
        "node_name",
    }
)


class State:
    """The rows by their keys, and the user's choices."""

    def __init__(self, section: Section, fields: frozenset[str], orders: tuple[Order, ...]) -> None:
        self.orders = orders
        self.order, self.reverse = 0, False
        self.text, self.typing = "", False
        self.products_shown, self.help_shown = True, False
        self.offset = 0
        self.status: Mapping[str, Any] | None = None
        self.timestamp = ""
        self.age_seconds: float | None = None
        self.problem: str | None = None
        self._section, self._fields = section, fields
        self._rows: dict[Hashable, Mapping[str, Any]] = {}
        self._sorted: list[Mapping[str, Any]] | None = None

    def apply(self, kind: str, data: Mapping[str, Any], now: float | None) -> None:
        """Take an event of the stream; ``now`` is its time in seconds since 1970."""
        self.timestamp, self.problem = data["timestamp"], None
        self.age_seconds = data.get("age_seconds", 0.0 if kind == "change" else None)
        self.status = data.get("status", self.status)
        rows = data.get(self._section.field)
        if rows is None:
            return
        self._sorted = None
        if kind == "snapshot":
            self._rows.clear()
            self._put(rows, now)
            return
        for gone in rows["gone"]:
            self._rows.pop(self._section.gone_key(gone), None)
        self._put(rows["changed"], now)

    def rows(self) -> list[Mapping[str, Any]]:
        """Return the rows that the filter lets through, sorted; those without a value last."""
        if self._sorted is None:
            order = self.orders[self.order]
            found = [row for row in self._rows.values() if self._matches(row)]
            known = [row for row in found if order.value(row) is not None]
            known.sort(key=self._name)
            known.sort(key=order.value, reverse=order.largest_first != self.reverse)
            self._sorted = known + [row for row in found if order.value(row) is None]
        return self._sorted

    @property
    def total(self) -> int:
        """Return how many rows there are, whatever the filter."""
        return len(self._rows)

    def press(self, key: str, page: int) -> bool:
        """Take a key, where ``page`` rows are shown. Return whether the user wants to go on."""
        if self.typing:
            self._type(key)
        elif key in ("q", "escape") and not (key == "escape" and (self.text or self.help_shown)):
            return False
        elif key == "escape":
            self.text, self.help_shown, self._sorted = "", False, None
        elif key == "/":
            self.typing = True
        elif key in ("s", ">", "<"):
            self.order = (self.order + (-1 if key == "<" else 1)) % len(self.orders)
            self._sorted, self.offset = None, 0
        elif key == "r":
            self.reverse, self._sorted = not self.reverse, None
        elif key == "p":
            self.products_shown = not self.products_shown
        elif key in ("?", "h"):
            self.help_shown = not self.help_shown
        else:
            self._scroll(key, page)
        return True

    def _put(self, rows: Iterable[Mapping[str, Any]], now: float | None) -> None:
        for row in rows:
            kept = {name: value for name, value in row.items() if name in self._fields}
            self._rows[self._section.key(row)] = self._section.prepare(kept, now)

    def _matches(self, row: Mapping[str, Any]) -> bool:
        if not self.text:
            return True
        wanted = self.text.lower()
        names = ("node_name", "product", "status", "pod_name", "workload_name", "namespace")
        return any(wanted in str(row.get(name) or "").lower() for name in names)

    def _name(self, row: Mapping[str, Any]) -> str:
        return str(row.get("pod_name") or row["node_name"])

    def _type(self, key: str) -> None:
        if key == "enter":
            self.typing = False
        elif key == "escape":
            self.typing, self.text = False, ""
        elif key == "backspace":
            self.text = self.text[:-1]
        elif len(key) == 1:
            self.text += key
        self._sorted, self.offset = None, 0

    def _scroll(self, key: str, page: int) -> None:
        last = max(len(self.rows()) - page, 0)
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -page, "page down": page, " ": page}
        self.offset = {"home": 0, "g": 0, "end": last, "G": last}.get(key, self.offset + steps.get(key, 0))
        self.offset = min(max(self.offset, 0), last)
