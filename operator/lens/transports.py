"""Has asyncio's transports freed when they have closed.

A socket's transport has one of its own methods as an attribute, so reference counting doesn't free it. It
would stay until a collection of garbage, and for long if it was alive at the one before (`lens.garbage`).
"""

import asyncio
from collections.abc import Callable
from types import MethodType
from weakref import WeakMethod

_ATTRIBUTE = "_read_ready_cb"


def break_cycle(transport: asyncio.BaseTransport | None) -> None:
    """Have a transport that has been opened, and the one below TLS, refer to itself weakly."""
    below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
    for each in (transport, below):
        attributes = getattr(each, "__dict__", {})
        method = attributes.get(_ATTRIBUTE)
        if isinstance(method, MethodType) and method.__self__ is each:
            attributes[_ATTRIBUTE] = _weak(method)


def _weak(method: MethodType) -> Callable[[], None]:
    found = WeakMethod(method)

    def call() -> None:
        # Who calls this keeps the transport.
        if (strong := found()) is not None:
            strong()

    return call
