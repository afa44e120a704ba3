"""Run the scenario alone, on a cluster without other nodes: ``python -m tests.e2e.fit --seed 1 2 3``.

The cluster is the one that KUBECONFIG names, or that ``make cluster-up`` starts; without one it starts one.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.e2e.cluster import given
from tests.e2e.cluster.api import Api
from tests.e2e.fit import figures, scenario
from tests.e2e.lens import Lens


def main() -> int:
    """Print the agreement for each seed; return 0 if all of them are complete."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.fit", description=__doc__)
    parser.add_argument("--cases", type=int, default=300, help="complete answers to compare (default 300)")
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="what the cases are made by")
    arguments = parser.parse_args()
    cluster = given.open_cluster()
    try:
        with tempfile.TemporaryDirectory() as folder:
            lens = Lens.start(cluster.kubeconfig, Path(folder) / "log")
            try:
                return asyncio.run(_run(cluster.kubeconfig, lens, arguments.seed, arguments.cases))
            finally:
                lens.stop()
    finally:
        cluster.close()


async def _run(kubeconfig: Path, lens: Lens, seeds: list[int], cases: int) -> int:
    status = 0
    await lens.wait_ready()
    async with Api.from_kubeconfig(kubeconfig) as api:
        for seed in seeds:
            report = await scenario.run(api, lens, seed, cases)
            found = report.figures()
            figures.add(found)
            for line in report.disagreements:
                print(f"  {line}")
            print(f"  {found}")
            print(f"  {(await lens.status())['fit_record']}")
            print(f"  {(await lens.get('/api/v1/realtime/fit/record')).data['abstained']}")
            print(report, flush=True)
            status |= bool(report.disagreements)
    return status


if __name__ == "__main__":
    sys.exit(main())
