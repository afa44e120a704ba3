"""Fuzz the decoders of others' data: `python -m tests.fuzz --seconds 60 [TARGET...]`.

Each target has its share of the seconds in processes of its own, as many at once as there are processors:
most of it for inputs that atheris makes up, by what they reach in the code, and the rest for looking how time
grows with length. What is found is written to build/fuzz/TARGET; the exit status is 1 if anything is.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory

from tests.fuzz import corpus, growth, targets
from tests.fuzz.target import TARGETS

GROWTH_SHARE = 0.4
START_S = 120
"""How long a process may take beside its share."""


def main() -> int:
    """Fuzz what is asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--growth", metavar="TARGET", help=argparse.SUPPRESS)
    parser.add_argument("target", nargs="*", metavar="TARGET", help=", ".join(sorted(TARGETS)))
    arguments = parser.parse_args()
    if arguments.growth:
        return _look(arguments.growth, arguments.seconds, arguments.seed)
    if unknown := set(arguments.target) - TARGETS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    names = arguments.target or sorted(TARGETS)
    processors = min(os.cpu_count() or 1, len(names))
    share = max(2.0, arguments.seconds * processors / len(names))
    # libFuzzer ends its process without any farewell, so files of the targets are removed here.
    with TemporaryDirectory(prefix="lens-fuzz-") as folder, ThreadPoolExecutor(processors) as pool:
        found = list(pool.map(lambda name: _fuzz(name, share, arguments.seed, folder), names))
    print(f"{sum(found)} findings in {len(names)} targets")
    return 1 if any(found) else 0


def _fuzz(name: str, seconds: float, seed: int, folder: str) -> int:
    """Fuzz a target; return how many findings there are."""
    for_growth = max(1, round(seconds * GROWTH_SHARE))
    rest = max(1, round(seconds - for_growth))
    commands = {
        rest: ["tests.fuzz.worker", name, "--seconds", str(rest), "--seed", str(seed)],
        for_growth + 0.5: ["tests.fuzz", "--growth", name, "--seconds", str(for_growth), "--seed", str(seed)],
    }
    findings: list[str] = []
    runs = "?"
    for limit, command in commands.items():
        try:
            done = subprocess.run(
                [sys.executable, "-m", *command],
                env={**os.environ, "TMPDIR": folder},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit + START_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            findings.append(f"FINDING {name}: {command[0]} had not ended after {limit + START_S:.0f} s")
            continue
        lines = (done.stdout + done.stderr).splitlines()
        told = [line for line in lines if line.startswith("FINDING")]
        findings += told
        runs = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), runs)
        if done.returncode and not told:
            last = "\n".join(lines[-20:])
            findings.append(f"FINDING {name}: {command[0]} ended with {done.returncode}\n{last}")
    print("\n".join([f"{name:<18} {runs:>9} inputs, {len(findings)} findings", *findings]), flush=True)
    return len(findings)


def _look(name: str, seconds: float, seed: int) -> int:
    """Look how time grows with length, from what is in the corpus and what was found by now."""
    folder = corpus.FOUND / name
    known = corpus.inputs(name, folder / "corpus")
    chance, until = random.Random(seed), time.monotonic() + seconds
    for found in growth.look(TARGETS[name], known, chance, until):
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / "superlinear"
        written.write_bytes(found.data)
        print(
            f"FINDING {name}: time grows with length to the power of {found.exponent:.1f}: "
            f"{len(found.data)} bytes take {found.seconds:.2f} s: {written}",
            flush=True,
        )
        return 1
    return 0


if __name__ == "__main__":
    assert targets
    sys.exit(main())
