"""Fuzz the decoders of others' data: `python -m tests.fuzz --seconds 60 [TARGET...]`.

Each target has its share of the seconds in processes of its own, as many at once as there are processors:
most of it for inputs that atheris makes up, by what they reach in the code, and the rest for looking how time
grows with length. What is found is written to build/fuzz/TARGET; the exit status is 1 if anything is.
"""

import argparse
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor

from tests.fuzz import processes, targets, turn
from tests.fuzz.target import TARGETS


def main() -> int:
    """Fuzz what is asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("target", nargs="*", metavar="TARGET", help=", ".join(sorted(TARGETS)))
    arguments = parser.parse_args()
    if unknown := set(arguments.target) - TARGETS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    names = arguments.target or sorted(TARGETS)
    processors = min(os.cpu_count() or 1, len(names))
    share = max(2.0, arguments.seconds * processors / len(names))
    # Processes that libFuzzer ends say no farewell, so files of the targets are removed here.
    with tempfile.TemporaryDirectory(prefix="lens-fuzz-") as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        with ProcessPoolExecutor(processors, processes.PLAIN) as pool:
            fuzzed = list(pool.map(turn.take, names, [share] * len(names), [arguments.seed] * len(names)))
    findings = sum(each.findings for each in fuzzed)
    print(f"{sum(each.inputs for each in fuzzed)} inputs, {findings} findings in {len(names)} targets")
    return 1 if findings else 0


if __name__ == "__main__":
    assert targets
    raise SystemExit(main())
