"""What a command gets: its options, its streams, and the Lens that it asks."""

import sys
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from lens_client.exits import STALE
from lens_client.options import Options

if TYPE_CHECKING:
    from lens_client.api.client import Lens
    from lens_client.reach.connection import Connection


class Context:
    """A command's surroundings. ``prog`` is what was typed before the command: kubectl lens, or lens."""

    def __init__(
        self,
        options: Options,
        prog: str,
        environ: Mapping[str, str],
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        stdin: TextIO | None = None,
    ) -> None:
        self.options, self.prog, self.environ = options, prog, environ
        self.stdout, self.stderr, self.stdin = stdout or sys.stdout, stderr or sys.stderr, stdin or sys.stdin

    @cached_property
    def connection(self) -> "Connection":
        """The way to Lens, found by the first use. Raise CommandError."""
        from lens_client.reach import connect

        return connect.find(self.options, self.environ)

    @cached_property
    def lens(self) -> "Lens":
        """The Lens that is asked. Raise CommandError."""
        return self.connection.lens()

    @cached_property
    def namespace(self) -> str | None:
        """The namespace that is asked about; None: all. Raise CommandError."""
        if self.options.all_namespaces:
            return None
        return self.options.namespace or self.connection.namespace

    def labelled(self, plural: str) -> set[tuple[str, str]] | None:
        """Return namespace and name of the pods or nodes that -l selects; None without -l.

        The namespace of nodes is empty. Raise CommandError.
        """
        selector = self.options.selector
        if selector is None:
            return None
        namespace = self.namespace if plural == "pods" else None
        return self.connection.labelled(plural, selector, namespace)

    def now(self) -> float:
        """Return the seconds since 1970."""
        return time.time()

    def status(self, status: int, age_seconds: float | None) -> int:
        """Return a command's exit status: 4 instead of ``status`` if the figures are older than --max-age."""
        return STALE if self.is_old(age_seconds) else status

    def is_old(self, age_seconds: float | None) -> bool:
        """Return whether figures are older than --max-age. Those of an unknown age are."""
        allowed = self.options.max_age
        return allowed is not None and (age_seconds is None or age_seconds > allowed)

    def close(self) -> None:
        """Close what was opened."""
        if "connection" in self.__dict__:
            self.connection.close()
