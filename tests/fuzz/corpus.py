"""Inputs: those of the repository, and what a run has found beside them."""

from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
FOUND = Path("build/fuzz")


def inputs(name: str, *more: Path) -> Sequence[bytes]:
    """Return the inputs of a target, those of further folders too, each once."""
    folders = (FOLDER / name, *more)
    files = sorted(file for folder in folders if folder.is_dir() for file in folder.iterdir())
    return list(dict.fromkeys(file.read_bytes() for file in files))
