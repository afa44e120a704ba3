"""The board: where the one writer hangs the latest snapshot, and every reader takes it from."""

from collections.abc import Mapping

import msgspec

from lens.model.snapshot import EMPTY, Snapshot
from lens.model.telemetry import NO_TELEMETRY, Telemetry


class Notice(msgspec.Struct, frozen=True):
    """What is known and since when.

    ``synced`` tells whether every resource has been listed once; until then the snapshot is a part of
    the truth and nobody's answer. ``contacts`` has, by resource, the epoch second at which the watch
    last gave a sign of life, so at which all that it had told was current. ``telemetry`` is what the
    GPUs are doing; it has its own ages.
    """

    snapshot: Snapshot
    synced: bool
    contacts: Mapping[str, float]
    telemetry: Telemetry = NO_TELEMETRY

    @property
    def current_at(self) -> float:
        """Return the epoch second at which the figures were last known to be current; 0.0 for never."""
        return min(self.contacts.values(), default=0.0)

    def age(self, now: float) -> float:
        """Return the seconds since then."""
        return max(0.0, now - self.current_at)


class Board:
    """Holds one notice. Setting its parts and reading it is atomic, so threads need no lock."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._counted = Notice(snapshot=EMPTY, synced=False, contacts={})
        self.telemetry = NO_TELEMETRY

    @property
    def notice(self) -> Notice:
        """Return all that is known."""
        return msgspec.structs.replace(self._counted, telemetry=self.telemetry)

    @notice.setter
    def notice(self, counted: Notice) -> None:
        """Hang up what was counted; the telemetry stays what it is."""
        self._counted = counted
