"""The client interface of peers, which ``lens.peers`` implements."""

from typing import Protocol

from lens.model.peer import PeerAnswer


class PeerStream(Protocol):
    """A peer's event stream."""

    async def read(self) -> bytes:
        """Return the next bytes, none at the end. Raise PeerFailedError."""
        ...

    def close(self) -> None:
        """Disconnect; a pending ``read`` raises PeerFailedError."""
        ...


class Peers(Protocol):
    """Sends requests to other clusters' Lenses."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of their clusters."""
        ...

    async def get(
        self, name: str, path: str, *, caller: str, authorization: str | None, max_age: float | None
    ) -> PeerAnswer:
        """Return a peer's response to a caller's request for an encoded path.

        Raise PeerFailedError and PeerRefusedError.
        """
        ...

    async def open_stream(
        self, name: str, path: str, *, authorization: str | None, last_event_id: str | None
    ) -> PeerStream:
        """Return a peer's event stream at an encoded path. Raise PeerFailedError and PeerRefusedError."""
        ...
