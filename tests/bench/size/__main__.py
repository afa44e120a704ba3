"""Measure Lens on computed clusters: `make size`. The figures are added to those in `build/bench.json`."""

import argparse

from tests.bench import size
from tests.bench.figures import RESULTS, Figures
from tests.bench.peers import build
from tests.bench.size import informers

PARTS = ("nodes", "million", "informers")


def main() -> None:
    """Run what is asked for; all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.size", description=__doc__)
    parser.add_argument(
        "--nodes", type=int, nargs="+", default=size.NODES, help="others are compared with the first"
    )
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    arguments = parser.parse_args()
    figures = Figures()
    build.load()
    if arguments.only in (None, "nodes"):
        size.measure(figures, tuple(arguments.nodes))
        figures.update(RESULTS)
    if arguments.only in (None, "informers"):
        build.informer()
        informers.measure(figures)
        figures.update(RESULTS)
    if arguments.only in (None, "million"):
        size.measure_million(figures)
    figures.update(RESULTS)


if __name__ == "__main__":
    main()
