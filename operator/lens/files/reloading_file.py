"""Files that are reloaded when they change, such as tokens and CAs. A broken one keeps the last content."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from lens.config.errors import SettingsError

CHECK_SECONDS = 1.0
RETRY_SECONDS = 30.0

T = TypeVar("T")

FileSignature = tuple[int, int, int] | None
"""Identifies a file's present content; None if there is no file."""

_log = logging.getLogger(__name__)


def file_signature(path: str | Path) -> FileSignature:
    """Return a file's modification time, size and inode; None where there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class ReloadingFile(Generic[T]):
    """The parsed content of a file, read again when the file changes.

    A broken file is also read again every 30 s: it may name other files, which appear later.
    """

    def __init__(self, what: str, path: Path, read: Callable[[Path], T], clock: Callable[[], float]) -> None:
        """Read the file. Raise SettingsError. ``what`` is its name in the log."""
        self._what = what
        self._path = path
        self._read = read
        self._clock = clock
        self._checked_at = clock()
        self._signature = file_signature(path)
        self._content = read(path)
        self._read_at = self._checked_at
        self._problem = ""

    def content(self) -> T:
        """Return the last good content. The file is checked for changes at most once a second."""
        now = self._clock()
        # Below 0, the clock was set back.
        if not 0 <= now - self._checked_at < CHECK_SECONDS:
            self._checked_at = now
            signature = file_signature(self._path)
            is_due = self._problem and not 0 <= now - self._read_at < RETRY_SECONDS
            if signature != self._signature or is_due:
                self._signature, self._read_at = signature, now
                self._reload()
        return self._content

    def _reload(self) -> None:
        before, self._problem = self._problem, ""
        try:
            self._content = self._read(self._path)
        except SettingsError as error:
            self._problem = str(error)
            if self._problem != before:
                _log.error("%s is broken, keeping what was read before: %s", self._what, error)
        else:
            _log.info("%s was read again", self._what, extra={"path": str(self._path)})
