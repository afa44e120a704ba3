"""The interface of every way to a Lens."""

import socket
from typing import NamedTuple, Protocol

from lens_client.api.client import Lens
from lens_client.transport.deadline import Deadline


class Page(NamedTuple):
    """The address of Lens' page; ``url`` is None if its port has to be forwarded."""

    scheme: str
    url: str | None


class Connection(Protocol):
    """A way to a Lens."""

    namespace: str | None
    """The namespace unless -n names one; None is all."""

    def lens(self) -> Lens:
        """Return the Lens. Raise CommandError."""

    def labelled(self, plural: str, selector: str, namespace: str | None) -> set[tuple[str, str]]:
        """Return namespace and name of the pods or nodes that a selector selects. Raise CommandError."""

    def page(self) -> Page:
        """Return where the page is. Raise CommandError."""

    def token(self) -> str | None:
        """Return the token for Lens. Raise CommandError."""

    def join(self, local: socket.socket, deadline: Deadline) -> None:
        """Join a connection to Lens' port until one side closes. Raise CommandError, and leave it open."""

    def close(self) -> None:
        """Close everything."""
