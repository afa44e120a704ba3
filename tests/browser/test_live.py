"""The page follows the cluster while somebody looks, and lets go when nobody does."""

import re
import time

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene import standing
from tests.browser.scene.cluster import Cluster
from tests.browser.scene.figures import expect_agreement, shown_rows
from tests.browser.scene.hidden import HIDE, HIDEABLE, SHOW
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.manifests import pod
from tests.browser.scene.proxy import Proxy
from tests.browser.scene.tab import Tab

WRONG_CLOCK = """
{
  const [own, ahead] = [Date, %d];
  globalThis.Date = class extends own {
    constructor(...given) {
      given.length ? super(...given) : super(own.now() + ahead);
    }
    static now() {
      return own.now() + ahead;
    }
  };
  Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + ahead });
}"""


def streams(tab: Tab) -> list[Request]:
    """Return the requests for the stream so far."""
    return [request for request in tab.requests if "/realtime/stream?" in request.url]


def test_a_change_is_drawn_without_a_request(tab: Tab, cluster: Cluster) -> None:
    allocated = tab.figure("gpu_states.available").text_content()
    assert allocated is not None
    cluster.put(pod("new-0", "n3", 2, namespace="web"))
    expect(tab.figure("gpu_states.available")).to_have_text(str(int(allocated) - 2))
    tab.until(
        lambda: shown_rows(tab, "allocated_gpus").get("web") == 4.0, lambda: shown_rows(tab, "allocated_gpus")
    )
    cluster.delete_pod("new-0", "web")
    expect(tab.figure("gpu_states.available")).to_have_text(allocated)
    assert len(streams(tab)) == 1


def test_what_changes_while_pods_that_wait_are_read_is_read_too(tab: Tab, cluster: Cluster) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    tab.page.route("**/realtime/pending-tasks?*", hold_the_first)
    cluster.put(pod("late-0", gpus=1, namespace="web", gates=("example.com/quota",)))
    tab.until(lambda: bool(held), "a request")
    answer = held[0].fetch()
    cluster.put(pod("late-1", gpus=1, namespace="web", gates=("example.com/quota",)))
    expect(tab.figure("pending.pods")).to_have_text("5")
    held[0].fulfill(response=answer)
    for name in ("late-0", "late-1"):
        # Without a change the next reading would be in 10 s.
        expect(tab.main.locator(f'[data-row="web/{name}"]')).to_be_visible(timeout=8_000)
    for name in ("late-0", "late-1"):
        cluster.delete_pod(name, "web")
    expect(tab.figure("pending.pods")).to_have_text("3")


def test_utilization_alone_has_no_pods_that_wait_read_again(tab: Tab, cluster: Cluster) -> None:
    def readings() -> int:
        return sum("/realtime/pending-tasks?" in request.url for request in tab.requests)

    assert cluster.agents is not None
    utilization = tab.figure("telemetry.utilization_rate")
    expect(utilization).to_contain_text("%")
    known = utilization.text_content()
    assert known is not None
    tab.until(lambda: readings() > 0, "the first reading")
    before, began = readings(), time.monotonic()
    busy = frozenset(standing.IDLE)
    cluster.agents.idle -= busy
    expect(utilization).not_to_have_text(known)
    # What does have them read comes next, and is the only one.
    cluster.put(pod("late-0", gpus=1, namespace="web", gates=("example.com/quota",)))
    expect(tab.main.locator('[data-row="web/late-0"]')).to_be_visible()
    cluster.agents.idle |= busy
    cluster.delete_pod("late-0", "web")
    assert readings() - before <= 1 + (time.monotonic() - began) // 10
    expect(tab.figure("pending.pods")).to_have_text("3")


def test_what_was_missed_comes_by_the_last_events_id(
    opened: Open, lens: Lens, cluster: Cluster, loop: Loop
) -> None:
    with Proxy(loop, lens.url, "", drops_authorization=False) as proxy:
        tab = opened(proxy.url, ADMIN)
        tab.forgive(r"ERR_INCOMPLETE_CHUNKED_ENCODING", r"ERR_CONNECTION_RESET")
        tab.sign_in(ADMIN)
        cluster.put(pod("seen-0", "n3", 1, namespace="web"))
        expect_agreement(tab, lens, ADMIN)
        proxy.cut()
        cluster.put(pod("missed-0", "n3", 1, namespace="web"))
        tab.until(lambda: len(streams(tab)) == 2, "a second stream")
        expect_agreement(tab, lens, ADMIN)
        assert streams(tab)[-1].headers["last-event-id"]
        tab.page.close()
    for name in ("seen-0", "missed-0"):
        cluster.delete_pod(name, "web")


def test_an_answer_of_fit_is_renewed_however_often_the_figures_change(tab: Tab) -> None:
    def asked() -> int:
        return sum("/realtime/fit?" in request.url for request in tab.requests)

    tab.until(lambda: asked() > 0, "a question")
    before = asked()
    tab.evaluate(
        """async () => {
          const main = document.querySelector("script[type=module]").src;
          const { status } = await import(new URL("./cluster/store.js", main).href);
          setInterval(() => (status.value = { ...status.value }), 50);
        }"""
    )
    tab.until(lambda: asked() > before, "the same question again")


@pytest.mark.parametrize("hours", [-1, 1])
def test_ages_are_right_where_the_browsers_clock_is_wrong(opened: Open, lens: Lens, hours: int) -> None:
    tab = opened(lens.url, ADMIN)
    tab.page.add_init_script(WRONG_CLOCK % (3_600_000 * hours))
    tab.sign_in(ADMIN, "/tasks")
    # Its pod has run for two hours, less some seconds or plus the time of the tests.
    expect(tab.main.get_by_role("row").filter(has_text="train-1").locator("time")).to_have_text(
        re.compile("^(1 h 59 min|2 h.*)$")
    )
    tab.expect_state("live")


def test_figures_from_before_a_sleep_are_old(tab: Tab) -> None:
    # Written down as they come: the figures that are of now again may come within milliseconds.
    tab.evaluate(
        """() => {
          const header = document.querySelector("header[data-state]");
          globalThis.states = [];
          new MutationObserver(() => states.push(header.dataset.state)).observe(header, { attributes: true });
        }"""
    )
    # The clock of `performance` stands still meanwhile.
    tab.evaluate("() => { const now = Date.now; Date.now = () => now() + 7_200_000; }")
    tab.until(lambda: "stale" in tab.evaluate("states"), "stale")
    # What comes next is of now.
    tab.expect_state("live")


@pytest.fixture
def hideable(opened: Open, lens: Lens) -> Tab:
    """Return a tab that can be hidden."""
    tab = opened(lens.url, ADMIN)
    tab.page.add_init_script(HIDEABLE)
    return tab


def test_a_hidden_tab_lets_go_after_a_minute_and_comes_back(
    hideable: Tab, lens: Lens, cluster: Cluster
) -> None:
    tab = hideable
    tab.page.clock.install()
    tab.sign_in(ADMIN)
    tab.evaluate(HIDE)
    tab.page.clock.run_for(65_000)
    tab.until(lambda: all(request.failure is not None for request in streams(tab)), "the end of the stream")
    before = len(streams(tab))
    tab.page.clock.run_for(600_000)
    assert len(streams(tab)) == before
    cluster.put(pod("meanwhile-0", "n3", 1, namespace="web"))
    tab.evaluate(SHOW)
    tab.page.clock.run_for(2_000)
    tab.expect_state("live")
    assert expect_agreement(tab, lens, ADMIN)["gpu_states"]["allocated"] == 37
    cluster.delete_pod("meanwhile-0", "web")


@pytest.mark.slow
def test_who_looks_away_for_less_than_a_minute_keeps_the_stream(hideable: Tab, lens: Lens) -> None:
    hideable.sign_in(ADMIN)
    hideable.evaluate(HIDE)
    hideable.page.wait_for_timeout(40_000)
    hideable.evaluate(SHOW)
    hideable.page.wait_for_timeout(25_000)
    assert len(streams(hideable)) == 1
    expect_agreement(hideable, lens, ADMIN)
