"""What it costs the operator to read 1,000 and 5,000 agents of 8 GPUs every 15 s, and how old a sample gets.

Once with agents that are all well, and 5,000 of them once with 10 % that hang, 5 % that answer garbage and
5 % that never come to an end; the ages are those of the others' samples.

`python -m tests.bench.telemetry.scrape` runs it alone.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.bench.figures import Figures
from tests.bench.process import Process, run_once

FEW, MANY = 1_000, 5_000
FAULTS = ("--hanging", "0.1", "--garbage", "0.05", "--endless", "0.05")


def measure(figures: Figures) -> None:
    """Add the figures of reading agents. Needs no cluster, and 12,000 open files."""
    _measure(figures, "scrape_1000", FEW, ())
    _measure(figures, "scrape_5000", MANY, ())
    _measure(figures, "scrape_5000_faulty", MANY, FAULTS)


def _measure(figures: Figures, name: str, number: int, faults: tuple[str, ...]) -> None:
    fake = [sys.executable, "-m", "tests.bench.peers.fake_agents", "--agents", str(number), *faults]
    with Process(fake) as agents, tempfile.TemporaryDirectory() as folder:
        nodes = Path(folder) / "nodes.json"
        nodes.write_text(json.dumps(agents.ready().line))
        scraper = [sys.executable, "-m", "tests.bench.telemetry.scraper", "--nodes", str(nodes)]
        seen = json.loads(run_once(scraper, deadline_s=240).stdout)
    figures.add(f"{name}_cores", seen["cores"], "cores")
    # On a busy machine agents are read less often.
    figures.add(f"{name}_read_ms", 1000 * seen["cores"] / seen["reads_per_s"], "ms")
    figures.add(f"{name}_max_age_s", seen["max_age_s"], "s")
    figures.add(f"{name}_rss_mib", seen["rss_mib"], "MiB")
    figures.add(f"{name}_peak_rss_mib", seen["peak_rss_mib"], "MiB")
    figures.add(f"{name}_rss_growth_mib", seen["rss_growth_mib"], "MiB")


if __name__ == "__main__":
    measure(Figures())
