"""Large clusters: the whole map, and what a tab takes that is left open under 50 changes a second."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.bench.process import Process
from tests.browser.conftest import Open
from tests.browser.scene.cluster import EVERYTHING, Cluster
from tests.browser.scene.endurance import endure
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.manifests import node
from tests.browser.scene.tab import TOTAL

TOKEN = "token-of-a-wall"
SOME = 300
NODES = 5_000
CHANGES_PER_SECOND = 50
SETTLE_S = 10.0
SECONDS = 60.0
MAX_MEMORY_MB = 200.0
MAX_LONG_TASKS = 1.0


@pytest.fixture
def large(tmp_path: Path, browser: Browser) -> Iterator[str]:
    """Return the address of a Lens that counts so many."""
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(f"tokens: [{{name: wall, sha256: {hashlib.sha256(TOKEN.encode()).hexdigest()}}}]")
    args = ["--nodes", str(NODES), "--changes", str(CHANGES_PER_SECOND), "--tokens", str(tokens)]
    with Process([sys.executable, "-m", "tests.bench.api.lens_server", *args]) as process:
        yield f"http://127.0.0.1:{process.ready(deadline_s=120).line['port']}"


def test_a_map_that_is_drawn_in_turns_is_whole(opened: Open, loop: Loop, tmp_path: Path) -> None:
    nodes = [node(f"node-{number}", 4) for number in range(SOME)]
    with Cluster(loop, nodes, telemetry=False) as cluster, Lens(cluster, tmp_path) as lens:
        tab = opened(lens.url, cluster.admit(TOKEN, EVERYTHING))
        tab.sign_in(TOKEN)
        # By a key it is drawn at once to its end.
        tab.map.get_by_role("gridcell").first.focus()
        tab.page.keyboard.press("ArrowRight")
        cells = tab.map.get_by_role("gridcell")
        expect(cells).to_have_count(4 * SOME)
        cluster.put(node("node-0a", 4))
        expect(cells).to_have_count(4 * SOME + 4)
        names = tab.map.get_by_role("rowheader").all_inner_texts()
        assert [name.replace("\n", "") for name in names[:3]] == ["node-0", "node-0a", "node-1"]
        tab.page.close()


@pytest.mark.slow
def test_a_tab_of_a_large_cluster_stays_small_and_smooth(large: str, opened: Open, browser: Browser) -> None:
    tab = opened(large, TOKEN)
    tab.sign_in(TOKEN)
    expect(tab.figure(TOTAL)).to_have_text("40,000")
    taken = endure(browser, tab, SETTLE_S, SECONDS)
    tab.expect_state("live")
    assert taken.memory_mb[-1] <= MAX_MEMORY_MB
    assert taken.long_tasks_a_minute <= MAX_LONG_TASKS, taken.longest_ms
