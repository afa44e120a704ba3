"""What other clusters' Lenses answer, or what stands at their addresses."""

import contextlib
from math import inf

from lens.api.endpoints.tasks import running_tasks
from lens.api.lists.list_queue import ListQueue
from lens.api.parameters.pods import TaskParameters
from lens.config.errors import SettingsError
from lens.config.serve import ServeSettings
from lens.model.peer import PeerFailedError, PeerRefusedError
from lens.peers import envelope
from lens.peers.peer_client import PeerResponse
from lens.peers.peers_file import read_peers_file
from tests.fuzz.target import target
from tests.fuzz.targets.callers import BY_ADMINISTRATORS
from tests.fuzz.workplace import FOLDER, finished

_listing = running_tasks(ListQueue())
_params = TaskParameters(cluster="other")
_settings = ServeSettings(cluster="own", auth="none", peers=FOLDER / "peers")


@target("peer-answer", longest=2**20)
def peer_answer(data: bytes) -> None:
    """Hold a peer's answer against what a Lens answers."""
    for status in (200, 400, 401, 503):
        with contextlib.suppress(PeerFailedError, PeerRefusedError):
            finished(envelope.read(PeerResponse(status, data, 0.0, inf), "other", own_token=False))


@target("peer-table", longest=2**20)
def peer_table(data: bytes) -> None:
    """Encode a peer's list as CSV."""
    # The proxy answers these with a 502.
    with contextlib.suppress(ValueError, RecursionError):
        finished(_listing.csv_of_peer(data, _params, "/api/v1/realtime/running-tasks"))


@target("peers-file", longest=BY_ADMINISTRATORS)
def peers_file(data: bytes) -> None:
    """Read the file that names peers."""
    assert _settings.peers is not None
    _settings.peers.write_bytes(data)
    with contextlib.suppress(SettingsError):
        read_peers_file(_settings)
