"""Keeps objects out of the ledger while other objects that they are counted with are unknown."""

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Gate(Generic[K, V]):
    """All objects of a resource, which are in the ledger while the gate is open. It is closed at first."""

    def __init__(self, put: Callable[[K, V | None], bool | None]) -> None:
        """Take the function that stores an object in the ledger, or removes it.

        It returns False if nothing can show that.
        """
        self._put = put
        self._objects: dict[K, V] = {}
        self._is_open = False

    @property
    def objects(self) -> Mapping[K, V]:
        """Return all objects."""
        return self._objects

    def put(self, key: K, value: V | None) -> bool:
        """Store an object; None removes it. Return whether anything may show that."""
        if value is None:
            self._objects.pop(key, None)
        else:
            self._objects[key] = value
        return self._is_open and self._put(key, value) is not False

    def set_open(self, is_open: bool) -> None:
        """Open or close the gate: all objects enter the ledger, or leave it."""
        if is_open == self._is_open:
            return
        self._is_open = is_open
        for key, value in self._objects.items():
            self._put(key, value if is_open else None)
