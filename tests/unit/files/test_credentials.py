"""A token or an authority that rotates is followed; a broken one doesn't cost the one that was good."""

import os
from pathlib import Path

import pytest

from lens.config.errors import SettingsError
from lens.files.credentials import BearerToken, TrustedCa


class Clock:
    """A clock that goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, text: str) -> None:
    """Replace a file, as the kubelet does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_token_that_rotates_is_followed(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path / "token", "first\n")
    token = BearerToken(tmp_path / "token", clock)
    assert token.header() == "Bearer first"
    write(tmp_path / "token", "\nsecond\nthird\n")
    clock.now += 1
    assert token.header() == "Bearer second"


@pytest.mark.parametrize("broken", ["", "\n", "two words", "new\x00line", "naïve"])
def test_a_broken_token_file_keeps_the_good_token(tmp_path: Path, clock: Clock, broken: str) -> None:
    write(tmp_path / "token", "good")
    token = BearerToken(tmp_path / "token", clock)
    write(tmp_path / "token", broken)
    clock.now += 1
    assert token.header() == "Bearer good"
    (tmp_path / "token").unlink()
    clock.now += 1
    assert token.header() == "Bearer good"
    write(tmp_path / "token", "better")
    clock.now += 1
    assert token.header() == "Bearer better"


def test_the_file_is_not_checked_for_every_request(tmp_path: Path, clock: Clock) -> None:
    write(tmp_path / "token", "first")
    token = BearerToken(tmp_path / "token", clock)
    write(tmp_path / "token", "second")
    clock.now += 0.5
    assert token.header() == "Bearer first"


@pytest.mark.parametrize("content", [None, "", "two words"])
def test_a_token_file_that_is_of_no_use_fails_the_start_and_is_named(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=str(path)):
        BearerToken(path)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_file_that_is_of_no_use_fails_the_start_and_is_named(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.crt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=str(path)):
        TrustedCa(path)
