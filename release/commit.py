"""What a build is told of its source: the version, the commit and its time."""

import io
import os
import re
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]


class CommitError(Exception):
    """The source can't be told of; the message says what to do."""


def version(tree: Path = ROOT) -> str:
    """Return the version, which is written in the package and nowhere else by hand but in the chart."""
    text = (tree / "operator" / "lens" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise CommitError("operator/lens/__init__.py: no __version__")
    return found[1]


def revision() -> str:
    """Return the commit's hash, with ``-dirty`` when there is more than the commit; empty outside of git."""
    if not (ROOT / ".git").exists():
        return ""
    return _git("rev-parse", "HEAD").decode().strip() + ("-dirty" if is_dirty() else "")


def is_dirty() -> bool:
    """Tell whether the tree has changes or files that the commit has not, and git doesn't ignore."""
    return bool(_git("status", "--porcelain"))


def epoch() -> int:
    """Return ``SOURCE_DATE_EPOCH``, or else the commit's time, in seconds.

    https://reproducible-builds.org/specs/source-date-epoch/
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        if not given.isdecimal():
            raise CommitError(f"SOURCE_DATE_EPOCH: {given!r} is no number of seconds")
        return int(given)
    if not (ROOT / ".git").exists():
        raise CommitError("set SOURCE_DATE_EPOCH: there is no git commit to take the time of")
    return int(_git("log", "-1", "--format=%ct"))


def created() -> datetime:
    """Return the time of `epoch`."""
    return datetime.fromtimestamp(epoch(), UTC)


def export(folder: Path) -> None:
    """Write the commit's files to ``folder``: all of them as old as the commit, and no others."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "HEAD"))) as archive:
        archive.extractall(folder, filter="data")


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True)  # noqa: S603, S607
    if done.returncode:
        raise CommitError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
