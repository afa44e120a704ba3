"""Attack Lens: `python -m tests.attack [--short] [CASE...]`.

Each case is done to a process of Lens of its own, within the chart's memory limit, while honest clients ask
it 100 times a second; then, but not in the short form, all that can be are done one after another to one
operator on 1,000 nodes and 10,000 pods. Prints a table, writes build/attack.json, and exits with 1 if
anything is over its bound.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.attack import cases, memory_limit, run
from tests.attack.case import CASES, Case
from tests.attack.outcome import HEADER, Outcome

RESULTS = Path("build/attack.json")
SEQUENCE = "sequence"


def main() -> int:
    """Run what is asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--short", action="store_true", help="some 3 seconds a case")
    parser.add_argument("--list", action="store_true", help="say which cases there are")
    parser.add_argument(
        "case",
        nargs="*",
        metavar="CASE",
        help=f"names; after {SEQUENCE} those to do in a row to one operator",
    )
    arguments = parser.parse_args()
    known = dict(sorted(CASES.items(), key=lambda each: each[1].row))
    if arguments.list:
        for name, case in known.items():
            print(f"{case.row:>3}  {name:<22} {case.who}: {case.what}")
        return 0
    if unknown := set(arguments.case) - known.keys() - {SEQUENCE}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; --list has the names")
    if not memory_limit.is_real():
        print("No cgroup holds memory here: a watchdog on RSS, read every 20 ms, stands for it.")
    names = [name for name in arguments.case if name != SEQUENCE]
    wanted = [case for name, case in known.items() if not names or name in names]
    outcomes: list[Outcome] = []
    print(HEADER)
    for outcome in _outcomes(wanted, arguments.case, short=arguments.short):
        outcomes.append(outcome)
        print(outcome.line, flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([each.as_dict() for each in outcomes], indent=2) + "\n")
    return 1 if any(each.problems for each in outcomes) else 0


def _outcomes(wanted: Sequence[type[Case]], asked: Sequence[str], *, short: bool) -> Iterator[Outcome]:
    if SEQUENCE not in asked:
        for case in wanted:
            yield run.alone(case(), short=short)
    if SEQUENCE in asked or not (asked or short):
        together = [each for each in wanted if each.kind == "operator" and not each.stands_alone]
        yield from run.in_sequence(together, short=short)


if __name__ == "__main__":
    assert cases
    sys.exit(main())
