"""A target's turn: inputs that are made up, and a look how time grows with length, in a process each."""

import random
import time
from typing import NamedTuple

from tests.fuzz import corpus, growth, processes
from tests.fuzz.target import TARGETS

GROWTH_SHARE = 0.4
START_S = 120
"""How long a process may take beside its share."""


class Fuzzed(NamedTuple):
    """How many inputs a target has had, and how many findings there are."""

    inputs: int
    findings: int


def take(name: str, seconds: float, seed: int) -> Fuzzed:
    """Fuzz a target, and say what came of it."""
    for_growth = max(1, round(seconds * GROWTH_SHARE))
    rest = max(1, round(seconds - for_growth))
    findings: list[str] = []
    inputs = 0
    for context, work, limit in (
        (processes.INSTRUMENTED, _make_up, rest),
        (processes.PLAIN, _look, for_growth),
    ):
        done = processes.run(context, limit + START_S, work, name, limit, seed)
        told = [line for line in done.lines if line.startswith("FINDING")]
        findings += told
        inputs += sum(int(line.split()[-1]) for line in done.lines if "number_of_executed_units" in line)
        what = work.__name__.strip("_")
        if done.status is None:
            findings.append(f"FINDING {name}: {what} had not ended after {limit + START_S:.0f} s")
        elif done.status and not told:
            last = "\n".join(done.lines[-20:])
            findings.append(f"FINDING {name}: {what} ended with {done.status}\n{last}")
    print("\n".join([f"{name:<18} {inputs:>9} inputs, {len(findings)} findings", *findings]), flush=True)
    return Fuzzed(inputs, len(findings))


def _make_up(name: str, seconds: int, seed: int) -> None:
    """Try what atheris makes up."""
    from tests.fuzz import worker  # it instruments the code: not here

    worker.fuzz(name, seconds, seed)


def _look(name: str, seconds: int, seed: int) -> None:
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
        return
