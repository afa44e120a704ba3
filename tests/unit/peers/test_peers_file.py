"""A mistake in the file of peers is told at start, by the setting and the entry."""

from pathlib import Path

import pytest

from lens.config.errors import SettingsError
from lens.config.serve import load
from lens.peers.peers_file import PeerEntry, read_peers_file

GOOD = """
peers:
  - name: west
    url: https://lens.west.example:8443/gpus/
    token_file: /etc/lens/west.token
    ca_file: /etc/lens/west-ca.crt
  - {name: east, url: "http://[fd00::7]:8080", token_file: /etc/lens/east.token}
"""


def entries(path: Path, text: str, identity: str = "service") -> tuple[PeerEntry, ...]:
    path.write_text(text)
    environ = {"LENS_CLUSTER": "hub", "LENS_TOKENS_FILE": "t", "LENS_PEERS_IDENTITY": identity}
    return read_peers_file(load({"peers": path}, environ))


def test_peers_are_read_in_their_order(tmp_path: Path) -> None:
    west, east = entries(tmp_path / "peers.yaml", GOOD)
    assert west == PeerEntry(
        name="west",
        url="https://lens.west.example:8443/gpus",
        token_file=Path("/etc/lens/west.token"),
        ca_file=Path("/etc/lens/west-ca.crt"),
    )
    assert (east.name, east.url, east.ca_file) == ("east", "http://[fd00::7]:8080", None)


def test_without_the_setting_there_are_none() -> None:
    assert read_peers_file(load({}, {"LENS_CLUSTER": "hub", "LENS_TOKENS_FILE": "t"})) == ()


WEST = "peers: [{name: west, url: 'https://w', token_file: t"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("peers: []", "peers: Tuple should have at least 1 item"),
        ("- name: west", "the file: Input should be a valid dictionary"),
        ("peers: [{name: west, url: 'https://w', token_file: t, tokenfile: x}]", "peers.0.tokenfile: Extra"),
        ("peers: [{url: 'https://w', token_file: t}]", "peers.0.name: Field required"),
        ("peers: [{name: 'we st', url: 'https://w', token_file: t}]", "peers.0.name: String should match"),
        (
            WEST + "}, {name: west, url: 'https://v', token_file: t}]",
            "peers.1 (west): name: is that of another",
        ),
        (
            WEST + "}, {name: hub, url: 'https://v', token_file: t}]",
            "peers.1 (hub): name: is that of this Lens'",
        ),
        (
            "peers: [{name: west, url: 'https://w'}]",
            "peers.0 (west): token_file: is required with LENS_PEERS_",
        ),
        (WEST + ", ca_file: {}}]", "peers.0.ca_file: "),
        (
            "peers: [{name: west, url: 'http://w', token_file: t, ca_file: c}]",
            "peers.0: ca_file: is for https",
        ),
        ("peers: [", "is not YAML: line 1"),
    ],
)
def test_an_error_names_the_setting_and_the_entry(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "peers.yaml"
    with pytest.raises(SettingsError) as raised:
        entries(path, text)
    assert str(raised.value).startswith(f"LENS_PEERS: {path}: {problem}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "west.example",
        "ftp://west.example",
        "https://",
        "https:///path",
        "https://u:secret@west.example",
        "https://west.example?x=1",
        "https://west.example/#top",
        "https://west.example/%2e%2e/",
        "https://west.example:99999",
        "https://[::1",
        "unix:///run/lens.sock",
    ],
)
def test_an_address_that_could_mean_another_one_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        entries(tmp_path / "peers.yaml", f"peers: [{{name: west, token_file: t, url: {url!r}}}]")
    assert "peers.0.url: " in str(raised.value)
    assert "secret" not in str(raised.value)


def test_with_the_callers_token_there_is_none_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "peers.yaml"
    (west,) = entries(path, "peers: [{name: west, url: 'https://w'}]", "caller")
    assert west.token_file is None
    with pytest.raises(SettingsError, match=r"\(west\): token_file: is for LENS_PEERS_IDENTITY=service"):
        entries(path, WEST + "}]", "caller")


def test_a_missing_file_is_an_error() -> None:
    settings = load({"peers": "/nowhere/peers.yaml"}, {"LENS_CLUSTER": "hub", "LENS_TOKENS_FILE": "t"})
    with pytest.raises(SettingsError, match=r"^LENS_PEERS: /nowhere/peers.yaml: No such file or directory$"):
        read_peers_file(settings)
