"""Fuzz one target, in a process of its own: `python -m tests.fuzz.worker TARGET --seconds N`.

What a target must not raise is written down once for each place that it comes from, and the fuzzing goes on.
libFuzzer itself ends the process for what takes too long or too much memory, and writes that down.
"""

import argparse
import hashlib
import sys
import traceback
from pathlib import Path

import atheris  # type: ignore[import-untyped]

from tests.fuzz import corpus

with atheris.instrument_imports(include=["lens"]):
    from tests.fuzz import targets
    from tests.fuzz.target import TARGETS, Decode, Target

INPUT_S = 10
"""For longer no input may take."""

RSS_MIB = 2048
LONGEST = 4096
"""Bytes of an input; how time grows with longer ones is looked at by itself."""


def main() -> None:
    """Fuzz; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder = corpus.FOUND / arguments.target
    new = folder / "corpus"
    new.mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={arguments.seconds}",
        f"-timeout={INPUT_S}",
        f"-rss_limit_mb={RSS_MIB}",
        f"-max_len={LONGEST}",
        f"-seed={arguments.seed}",
        f"-artifact_prefix={folder}/",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    folders = [str(each) for each in (new, corpus.FOLDER / arguments.target) if each.is_dir()]
    atheris.Setup([sys.argv[0], *flags, *folders], _noting(TARGETS[arguments.target], folder))
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


if __name__ == "__main__":
    assert targets
    main()
