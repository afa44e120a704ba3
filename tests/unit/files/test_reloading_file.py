"""A file that changes while Lens runs is read again."""

import logging
from pathlib import Path

import pytest

from lens.config.errors import SettingsError
from lens.files.reloading_file import RETRY_SECONDS, ReloadingFile


def test_a_broken_file_is_read_again_once_the_file_that_it_names_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, now = tmp_path / "names", [0.0]
    (tmp_path / "first").write_text("1")
    file.write_text("first")

    def read(path: Path) -> str:
        named = path.with_name(path.read_text())
        if not named.exists():
            raise SettingsError(f"{named.name}: no such file")
        return named.read_text()

    followed = ReloadingFile("file", file, read, lambda: now[0])
    file.write_text("the second")
    with caplog.at_level(logging.ERROR):
        for _ in range(200):
            now[0] += 1.0
            assert followed.content() == "1"
    assert [record.getMessage() for record in caplog.records] == [
        "file is broken, keeping what was read before: the second: no such file"
    ]
    (tmp_path / "the second").write_text("2")
    now[0] += RETRY_SECONDS
    assert followed.content() == "2"
