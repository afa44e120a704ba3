"""The page in Debian's Chromium: how soon it shows figures and changes, and what a tab takes.

`python -m tests.bench.api.page` runs it alone. It needs Chromium, and a machine that does nothing else: the
browser, Lens and the simulated cluster share its processors.
"""

import argparse
import hashlib
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.bench.figures import Figures
from tests.bench.percentile import percentile
from tests.bench.process import Process
from tests.browser.scene.cluster import EVERYTHING, Cluster
from tests.browser.scene.endurance import endure
from tests.browser.scene.growth import grow
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.manifests import node, pod
from tests.browser.scene.tab import TOTAL, Tab

TOKEN = "bench-token"
NODES = 1_000
LARGE = 5_000
CHANGES_PER_SECOND = 50
FIRST_ROUNDS = 7
CHANGES = 40
WAITS = 10
WAITS_APART_MS = 4_100
"""What changes more often is read more seldom."""

SETTLE_S = 20.0
SECONDS = 120.0
HOUR = 3600 * CHANGES_PER_SECOND
FAST_PER_SECOND = 1_000
"""At most; the simulated cluster and the page take what they can."""

FAST_S = 180.0

PARTS = ("first", "change", "large", "growth")

SUBMIT_TO_FIGURE = """(path) => new Promise((resolve) => {
  document.addEventListener("submit", () => {
    const began = performance.now();
    const look = () => {
      if (/[0-9]/.test(document.querySelector(`[data-figure="${path}"]`)?.textContent ?? ""))
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
      else requestAnimationFrame(look);
    };
    look();
  }, {capture: true, once: true});
  globalThis.armed = true;
})"""

SHOWN = """(row) => new Promise((resolve) => {
  const look = () => {
    if (document.querySelector(`.waiting [data-row="${row}"]`)) setTimeout(() => resolve(Date.now()));
    else requestAnimationFrame(look);
  };
  look();
})"""

WATCH = """(path) => {
  globalThis.seen = [];
  const element = document.querySelector(`[data-figure="${path}"]`);
  let last = element.textContent;
  const look = () => {
    const text = document.querySelector(`[data-figure="${path}"]`)?.textContent;
    if (text !== last) {
      last = text;
      setTimeout(() => seen.push([text, Date.now()]));
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def measure(figures: Figures, seconds: float = SECONDS, parts: Collection[str] = PARTS) -> None:
    """Add the page's figures; the tab of the large cluster is watched for so many seconds."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not on PATH (Debian's chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        if {"first", "change"} & {*parts}:
            _measure_small(figures, browser, parts)
        if "large" in parts:
            _measure_large(figures, browser, seconds)
        if "growth" in parts:
            _measure_growth(figures, browser)
        browser.close()


def _measure_small(figures: Figures, browser: Browser, parts: Collection[str]) -> None:
    with (
        Loop() as loop,
        tempfile.TemporaryDirectory() as folder,
        Cluster(loop, _objects(NODES), telemetry=False) as cluster,
    ):
        cluster.admit(TOKEN, EVERYTHING)
        with Lens(cluster, Path(folder)) as lens:
            if "first" in parts:
                first = [_first_ms(browser, lens.url) for _ in range(FIRST_ROUNDS)]
                figures.add("page_first_ms", percentile(first, 0.5), "ms")
            if "change" in parts:
                figures.add("page_change_ms", percentile(_changes_ms(browser, lens, cluster), 0.95), "ms")
                waits = _waits_ms(browser, lens, cluster)
                figures.add("page_pending_ms", percentile(waits, 0.95), "ms")


def _objects(nodes: int) -> list[dict[str, object]]:
    names = [f"node-{number:04}" for number in range(nodes)]
    return [*map(node, names), *(pod(f"train-{name}", name, 6) for name in names)]


def _first_ms(browser: Browser, url: str) -> float:
    """Return how long after the token the first figures are drawn, with the page's files in the cache."""
    context = browser.new_context()
    try:
        for visit in ("cold", "warm"):
            tab = Tab(context, url)
            tab.open()
            box = tab.dialog.get_by_label("Token")
            box.fill(TOKEN)
            if visit == "warm":
                tab.evaluate(f"globalThis.taken = ({SUBMIT_TO_FIGURE})({TOTAL!r}), 0")
            box.press("Enter")
            tab.expect_state("live")
        return float(tab.evaluate("globalThis.taken"))
    finally:
        context.close()


def _changes_ms(browser: Browser, lens: Lens, cluster: Cluster) -> list[float]:
    """Return how long after each change of the cluster the page has drawn it."""
    context = browser.new_context()
    path = "gpu_states.available"
    try:
        tab = Tab(context, lens.url)
        tab.sign_in(TOKEN)
        tab.evaluate(WATCH, path)
        taken = []
        for number in range(CHANGES):
            seen = tab.evaluate("seen.length")
            began = time.time()
            cluster.put(pod(f"new-{number}", f"node-{number:04}", 1))
            tab.until(lambda seen=seen: tab.evaluate("seen.length") > seen, "the change")  # type: ignore[misc]
            taken.append(tab.evaluate("seen.at(-1)[1]") - 1000 * began)
            # Changes come at any time of what the server and the page do in turns.
            tab.page.wait_for_timeout(137 * (number % 7))
        return taken
    finally:
        context.close()


def _waits_ms(browser: Browser, lens: Lens, cluster: Cluster) -> list[float]:
    """Return how long after a pod begins to wait the page has it in its list."""
    context = browser.new_context()
    try:
        tab = Tab(context, lens.url)
        tab.sign_in(TOKEN)
        taken = []
        for number in range(WAITS):
            tab.page.wait_for_timeout(WAITS_APART_MS + 137 * (number % 7))
            name = f"waits-{number}"
            tab.evaluate(f"globalThis.shown = ({SHOWN})({f'research/{name}'!r}), 0")
            began = time.time()
            cluster.put(pod(name, gpus=8, since=10_000, gates=("example.com/quota",)))
            taken.append(tab.evaluate("shown") - 1000 * began)
            cluster.delete_pod(name)
        return taken
    finally:
        context.close()


@contextmanager
def _large_tab(browser: Browser, changes_per_second: int) -> Iterator[Tab]:
    """Yield a live tab of a large cluster."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.yaml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(f"tokens: [{{name: bench, sha256: {digest}}}]")
        args = ["--nodes", str(LARGE), "--changes", str(changes_per_second), "--tokens", str(tokens)]
        with Process([sys.executable, "-m", "tests.bench.api.lens_server", *args]) as process:
            port = int(process.ready(deadline_s=120).line["port"])
            context = browser.new_context()
            try:
                tab = Tab(context, f"http://127.0.0.1:{port}")
                tab.sign_in(TOKEN)
                yield tab
                tab.check()
            finally:
                context.close()


def _measure_growth(figures: Figures, browser: Browser) -> None:
    """Add what an hour's changes leave, by what fewer do; what the page keeps by time has a fixed size."""
    with _large_tab(browser, FAST_PER_SECOND) as tab:
        grown = grow(browser, tab, SETTLE_S, FAST_S)
    figures.add("page_growth_mb", grown.memory_mb(HOUR), "MB")
    figures.add("page_heap_growth_mb", grown.heap_mb(HOUR), "MB")
    figures.add("page_growth_changes", grown.samples[-1].changes, "changes")


def _measure_large(figures: Figures, browser: Browser, seconds: float) -> None:
    with _large_tab(browser, CHANGES_PER_SECOND) as tab:
        large = endure(browser, tab, SETTLE_S, seconds)
    figures.add("page_memory_mb", large.memory_mb[-1], "MB")
    figures.add("page_long_tasks", large.long_tasks_a_minute, "a minute")
    figures.add("page_longest_task_ms", large.longest_ms, "ms")
    figures.add("page_cpu_percent", large.cpu_percent, "%")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the large cluster")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="all by default")
    arguments = parser.parse_args()
    measured = Figures()
    measure(measured, arguments.seconds, arguments.parts)
    measured.write(Path("build/page.json"))
