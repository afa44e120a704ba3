"""The board: where the one writer hangs the latest snapshot, and every reader takes it from."""

from collections.abc import Mapping

import msgspec

from lens.model.snapshot import EMPTY, Snapshot


class Notice(msgspec.Struct, frozen=True):
    """What is known and since when.

    ``synced`` tells whether every resource has been listed once; until then the snapshot is a part of
    the truth and nobody's answer. ``contacts`` has, by resource, the epoch second at which the watch
    last gave a sign of life, so at which all that it had told was current.
    """

    snapshot: Snapshot
    synced: bool
    contacts: Mapping[str, float]

    @property
    def current_at(self) -> float:
        """Return the epoch second at which the figures were last known to be current; 0.0 for never."""
        return min(self.contacts.values(), default=0.0)

    def age(self, now: float) -> float:
        """Return the seconds since then."""
        return max(0.0, now - self.current_at)


class Board:
    """Holds one notice. Setting and reading it is atomic, so threads need no lock."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self.notice = Notice(snapshot=EMPTY, synced=False, contacts={})
