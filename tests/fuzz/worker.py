"""Fuzz one target, in a process that libFuzzer ends.

Importing this instruments Lens' code, and takes seconds: processes are forked from one that has it. What a
target must not raise is written down once for each place that it comes from, and the fuzzing goes on.
libFuzzer itself ends the process for what takes too long or too much memory, and writes that down.
"""

import contextlib
import hashlib
import io
import sys
import traceback
from pathlib import Path

import atheris  # type: ignore[import-untyped]

from tests.fuzz import corpus

# It names every module.
with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["lens", "lens_client"]):
    from tests.fuzz import targets
    from tests.fuzz.target import TARGETS, Decode, Target

assert targets, "importing them declares them"

INPUT_S = 10
"""For longer no input may take."""

RSS_MIB = 2048
LONGEST = 4096
"""Bytes of an input; how time grows with longer ones is looked at by itself."""


def fuzz(name: str, seconds: int, seed: int) -> None:
    """Fuzz a target; libFuzzer ends the process."""
    folder = corpus.FOUND / name
    new = folder / "corpus"
    new.mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={seconds}",
        f"-timeout={INPUT_S}",
        f"-rss_limit_mb={RSS_MIB}",
        f"-max_len={LONGEST}",
        f"-seed={seed}",
        f"-artifact_prefix={folder}/",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    folders = [str(each) for each in (new, corpus.FOLDER / name) if each.is_dir()]
    atheris.Setup([sys.argv[0], *flags, *folders], _noting(TARGETS[name], folder))
    atheris.Fuzz()


def _noting(target: Target, folder: Path) -> Decode:
    """Return the target as libFuzzer calls it."""
    known: set[str] = set()

    def test(data: bytes) -> None:
        try:
            target.decode(data)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__} at {last.filename}:{last.lineno}"
            if place not in known:
                known.add(place)
                written = folder / f"crash-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
                written.write_bytes(data)
                print(f"FINDING {target.name}: {place}: {written}", flush=True)

    return test
