"""The configured peers, reloaded when their file changes."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lens.config.serve import ServeSettings
from lens.files.reloading_file import ReloadingFile
from lens.peers.peers import Peer
from lens.peers.peers_file import PeerEntry, read_peers_file


class PeerRegistry:
    """The peers of the configured file; none if there is no file."""

    def __init__(
        self,
        settings: ServeSettings,
        create_peer: Callable[[PeerEntry], Peer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the file and create a peer for each entry. Raise SettingsError, as ``create_peer`` may."""
        self._settings = settings
        self._create_peer = create_peer
        self._peers_by_entry: dict[PeerEntry, Peer] = {}
        self._file = (
            ReloadingFile("peers file", settings.peers, self._read, clock) if settings.peers else None
        )

    def peers(self) -> Mapping[str, Peer]:
        """Return the peers by name, in the order of the file."""
        return self._file.content() if self._file is not None else {}

    def _read(self, _path: Path) -> Mapping[str, Peer]:
        # An unchanged entry keeps its peer, with its breaker and its slots.
        self._peers_by_entry = {
            entry: self._peers_by_entry.get(entry) or self._create_peer(entry)
            for entry in read_peers_file(self._settings)
        }
        return {entry.name: peer for entry, peer in self._peers_by_entry.items()}
