"""Try the fit engine against kube-scheduler's own code.

``python -m tests.oracle --cases 20000 --seed 7`` makes cases and tries them. What the two don't agree on is
made small and written to ``build/oracle/``; ``python -m tests.oracle FILE...`` tries such files again.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.e2e.cluster.programs import binaries
from tests.oracle import program, run

BUILD = Path("build")


def main() -> int:
    """Print the agreement; return 0 if it is complete."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="case files to try again")
    parser.add_argument("--cases", type=int, default=2000, help="how many cases to make")
    parser.add_argument("--seed", type=int, default=1, help="what they are made by")
    arguments = parser.parse_args()
    try:
        path = program.build()
    except binaries.BuildError as error:
        sys.exit(f"oracle: {error}")
    with program.Oracle(path) as oracle:
        if arguments.files:
            return again(oracle, arguments.files)
        report = run.run(oracle, arguments.cases, arguments.seed)
        BUILD.mkdir(exist_ok=True)
        (BUILD / "oracle.json").write_text(json.dumps(report.figures(), indent=1) + "\n")
        for number, found in enumerate(report.disagreements):
            small = run.smaller(oracle, found)
            file = BUILD / "oracle" / f"seed-{report.seed}-{number}.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(run.dump(small))
            print(f"{file}: {'; '.join(small.differences)}")
    figures = report.figures()
    print(
        f"{report.yes} yes; complete {figures['fit_complete_share']:.1%}; "
        f"histograms {report.equal_histograms}/{report.histograms}; "
        f"reasons {dict(report.codes.most_common())}"
    )
    print(report)
    return 0 if report.agreed == report.cases else 1


def again(oracle: program.Oracle, files: list[Path]) -> int:
    """Try case files again; return 0 if the two agree on all of them."""
    status = 0
    for file in files:
        found = run.check(oracle, json.loads(file.read_text())["fleet"])
        print(f"{file}: {'; '.join(found) or 'they agree'}")
        status |= bool(found)
    return status


if __name__ == "__main__":
    sys.exit(main())
