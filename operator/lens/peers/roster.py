"""Who may be asked: the peers that a file names, which is read again as it changes."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lens.config import ServeSettings
from lens.peers.entries import Entry, read_entries
from lens.peers.peers import Peer
from lens.reloading_file import ReloadingFile


class Roster:
    """The peers of the file that the settings name; there are none if they name no file."""

    def __init__(
        self,
        settings: ServeSettings,
        make: Callable[[Entry], Peer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the file, and make a peer of each entry. Raise SettingsError, as ``make`` may."""
        self._settings = settings
        self._make = make
        self._made: dict[Entry, Peer] = {}
        self._file = (
            ReloadingFile("peers file", settings.peers, self._read, clock) if settings.peers else None
        )

    def present(self) -> Mapping[str, Peer]:
        """Return them by name, in the order of the file."""
        return self._file.content() if self._file is not None else {}

    def _read(self, _path: Path) -> Mapping[str, Peer]:
        # Whose entry stays is the same peer, with all that is known of it.
        self._made = {
            entry: self._made.get(entry) or self._make(entry) for entry in read_entries(self._settings)
        }
        return {entry.name: peer for entry, peer in self._made.items()}
