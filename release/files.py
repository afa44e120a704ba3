"""The files of a release: wheel, sdist, chart package, checksums."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from release import commit

SUMS = "SHA256SUMS"


class FileError(Exception):
    """A file can't be made; the message has the tool's words."""


def python_packages(tree: Path, folder: Path) -> None:
    """Build wheel and sdist of a tree into ``folder``, byte for byte the same each time. Raise FileError."""
    environment = {"SOURCE_DATE_EPOCH": str(commit.epoch())}
    _run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(folder.resolve())], tree, environment
    )


def chart(tree: Path, folder: Path, helm: str) -> None:
    """Package the chart of a tree into ``folder``; ``helm`` is the program. Raise FileError."""
    _run([helm, "package", "--destination", str(folder), str(tree / "charts" / "lens")])


def checksums(folder: Path) -> None:
    """Write the SHA-256 of each file in ``folder`` as `sha256sum --check` reads it."""
    lines = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (folder / SUMS).write_text("".join(lines))


def _run(
    command: list[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            check=False,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise FileError(f"{command[0]} is not there: install it, or say where it is") from error
    if done.returncode:
        raise FileError(f"{Path(command[0]).name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
