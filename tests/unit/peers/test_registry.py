"""Peers come and go with their file, and nobody else notices."""

from pathlib import Path

import pytest

from lens.config.errors import SettingsError
from lens.config.serve import load
from lens.peers.peers import Peer
from lens.peers.peers_file import PeerEntry
from lens.peers.registry import PeerRegistry

WEST = "  - {name: west, url: 'http://west', token_file: t}\n"
EAST = "  - {name: east, url: 'http://east', token_file: t}\n"


class Scene:
    """A file of peers, a clock, and which entries were made peers of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 1000.0
        self.made: list[str] = []
        self.unusable: str | None = None
        self.write(WEST)
        settings = load({"peers": path}, {"LENS_CLUSTER": "hub", "LENS_TOKENS_FILE": "t"})
        self.registry = PeerRegistry(settings, self._create_peer, lambda: self.now)

    def write(self, *entries: str) -> None:
        self.path.write_text("peers:\n" + "".join(entries))

    def reloaded(self) -> list[tuple[str, str]]:
        """Return names and addresses a second later."""
        self.now += 1
        return [(name, peer.url) for name, peer in self.registry.peers().items()]

    def _create_peer(self, entry: PeerEntry) -> Peer:
        if entry.name == self.unusable:
            raise SettingsError(f"LENS_PEERS: {entry.name}: no token")
        self.made.append(entry.name)
        return Peer(entry.name, entry.url)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "peers.yaml")


def test_a_peer_that_stays_keeps_what_is_known_of_it_while_others_come_and_go(scene: Scene) -> None:
    west = scene.registry.peers()["west"]
    scene.write(EAST, WEST)
    assert scene.reloaded() == [("east", "http://east"), ("west", "http://west")]
    assert scene.registry.peers()["west"] is west
    scene.write(EAST)
    assert scene.reloaded() == [("east", "http://east")]
    assert scene.made == ["west", "east"]


def test_a_peer_that_has_moved_is_another_one(scene: Scene) -> None:
    west = scene.registry.peers()["west"]
    scene.write(WEST.replace("http://west", "http://elsewhere"))
    assert scene.reloaded() == [("west", "http://elsewhere")]
    assert scene.registry.peers()["west"] is not west


@pytest.mark.parametrize(
    "broken", ["peers: [", "peers: []", "peers:\n" + WEST + WEST, "peers:\n" + WEST.replace("west", "hub", 1)]
)
def test_a_broken_file_takes_no_peer_away(
    scene: Scene, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene.path.write_text(broken)
    for _ in range(3):
        assert scene.reloaded() == [("west", "http://west")]
    assert [record.getMessage().startswith("peers file is broken") for record in caplog.records] == [True]


def test_an_entry_that_can_not_be_used_changes_nothing_until_it_can(scene: Scene) -> None:
    scene.unusable = "east"
    scene.write(EAST)
    assert scene.reloaded() == [("west", "http://west")]
    scene.unusable = None
    scene.write(EAST, "# mended\n")
    assert scene.reloaded() == [("east", "http://east")]


def test_without_the_setting_there_is_nobody() -> None:
    settings = load({}, {"LENS_CLUSTER": "hub", "LENS_TOKENS_FILE": "t"})
    assert PeerRegistry(settings, lambda entry: Peer(entry.name, entry.url)).peers() == {}
