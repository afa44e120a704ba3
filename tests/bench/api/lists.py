"""What lists cost: a page of 40,000 tasks while they change, all of them, and what others wait meanwhile."""

import hashlib
import sys
import tempfile
from pathlib import Path

from tests.bench.api.answers import PAST_CACHE, TOKEN
from tests.bench.api.http_load import load
from tests.bench.asking import Asker, asking_meanwhile
from tests.bench.figures import Figures
from tests.bench.process import Process

NODES = 10_000
CHANGES_PER_SECOND = 50
PAGES = 1_000
WHOLES = 15
LIST = "/api/v1/realtime/running-tasks?cluster=bench"
STATUS = "/api/v1/realtime/status?cluster=bench"


def measure(figures: Figures) -> None:
    """Add the figures of the list of tasks. Needs no cluster."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.yaml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(f"tokens: [{{name: bench, sha256: {digest}}}]")
        args = ["--nodes", str(NODES), "--changes", str(CHANGES_PER_SECOND), "--tokens", str(tokens)]
        with Process([sys.executable, "-m", "tests.bench.api.lens_server", *args]) as process:
            port = int(process.ready(deadline_s=60).line["port"])
            url = f"http://127.0.0.1:{port}"
            asker = Asker(port, PAST_CACHE)
            following = asker.timed(f"{LIST}&limit=500")[1]["continue"]
            page = f"{url}{LIST}&limit=500&continue={following}"
            pages = load(process.pid, page, PAGES, connections=1, headers=PAST_CACHE)
            figures.add("tasks_page_p99_ms", pages.p99_ms, "ms")
            asker.timed(LIST)
            asker.close()
            waits: list[float] = []
            with asking_meanwhile(port, STATUS, waits, PAST_CACHE):
                wholes = load(process.pid, url + LIST, WHOLES, connections=1, headers=PAST_CACHE)
            figures.add("tasks_all_ms", wholes.p50_ms, "ms")
            figures.add("tasks_all_others_ms", max(waits), "ms")
