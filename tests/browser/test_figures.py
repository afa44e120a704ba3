"""What the page says is what `status` says, to the digit."""

from collections.abc import Callable
from pathlib import Path

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene.cluster import Cluster
from tests.browser.scene.figures import expect_agreement, expect_change, shown, shown_rows
from tests.browser.scene.lens import Lens
from tests.browser.scene.manifests import A100, node, pod
from tests.browser.scene.tab import TOTAL, Tab

FIRST_SCREEN = {
    TOTAL,
    "gpu_states.available",
    "gpu_states.unavailable",
    "gpu_states.unhealthy",
    "available_resources.max_contiguous_gpu",
    "pending.gpus",
}
"""What stands there at least."""


def test_every_figure_of_the_first_screen_is_the_one_of_status(tab: Tab, lens: Lens) -> None:
    status = expect_agreement(tab, lens, ADMIN)
    assert shown(tab).keys() >= FIRST_SCREEN
    assert status["current_gpu_usage"]["total_gpus"] == 48


def test_they_stay_so_whatever_happens(tab: Tab, lens: Lens, cluster: Cluster) -> None:
    expect_agreement(tab, lens, ADMIN)
    changes: list[Callable[[], None]] = [
        lambda: cluster.put(node("n7", product=A100)),
        lambda: cluster.put(pod("more-0", "n7", 5, namespace="ml")),
        lambda: cluster.put(pod("waits-0", gpus=16, namespace="ml", refused="0/7 nodes are available.")),
        lambda: cluster.put(node("n7", product=A100, healthy=6)),
        lambda: cluster.put(node("n7", product=A100, cordoned=True)),
        lambda: cluster.delete_pod("waits-0", "ml"),
        lambda: cluster.delete_pod("more-0", "ml"),
        lambda: cluster.delete_node("n7"),
    ]
    for change in changes:
        expect_change(tab, lens, ADMIN, change)
        status = expect_agreement(tab, lens, ADMIN)
    assert status["current_gpu_usage"]["total_gpus"] == 48


def test_namespaces_hold_what_their_pods_hold(tab: Tab) -> None:
    tab.until(
        lambda: shown_rows(tab, "allocated_gpus") == {"research": 24.0, "ml": 10.0, "web": 2.0},
        lambda: shown_rows(tab, "allocated_gpus"),
    )


def test_idle_is_what_the_operator_says(opened: Open, cluster: Cluster, tmp_path: Path) -> None:
    # Pods of the scene use 60 % of their GPUs and more, but for two that do nothing with 4.
    with Lens(cluster, tmp_path, alert_idle_percent="80") as lens:
        tab = opened(lens.url, ADMIN)
        tab.sign_in(ADMIN)
        states = expect_agreement(tab, lens, ADMIN)["gpu_states"]
        assert 4 < states["idle"] < states["allocated"]
        rows = {row["namespace"]: row["idle_gpus"] for row in lens.status(ADMIN, "namespaces")["namespaces"]}
        tab.until(lambda: shown_rows(tab, "idle_gpus") == rows, lambda: shown_rows(tab, "idle_gpus"))
        tab.page.keyboard.press("?")
        tab.page.get_by_text("used at most 80 % now").wait_for()
        tab.page.close()
