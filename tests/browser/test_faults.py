"""What goes wrong around the page, and what it says meanwhile."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene import standing
from tests.browser.scene.cluster import EVERYTHING, Cluster
from tests.browser.scene.figures import expect_agreement
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.manifests import pod
from tests.browser.scene.proxy import Proxy
from tests.browser.scene.tab import TOTAL, Tab

GONE = (
    r"ERR_CONNECTION_REFUSED",
    r"ERR_INCOMPLETE_CHUNKED_ENCODING",
    r"ERR_CONNECTION_RESET",
    r"ERR_EMPTY_RESPONSE",
    r"status of 503",
)
AGE = "freshness.age_seconds"


@pytest.fixture
def own_cluster(loop: Loop) -> Iterator[Cluster]:
    """Return a cluster that the test may break."""
    with Cluster(loop, standing.objects()) as cluster:
        cluster.admit(ADMIN, EVERYTHING)
        yield cluster


@pytest.fixture
def own_lens(own_cluster: Cluster, tmp_path: Path) -> Iterator[Lens]:
    """Return a Lens that the test may break."""
    with Lens(own_cluster, tmp_path) as lens:
        yield lens


def seconds(tab: Tab) -> float:
    """Return the age that the header shows."""
    text = tab.figure(AGE).text_content() or ""
    found = re.fullmatch(r"(?:(\d+) min ?)?(?:([\d.]+) s)?", text)
    assert found, text
    return 60 * int(found[1] or 0) + float(found[2] or 0)


def background(tab: Tab) -> str:
    """Return the colour of the whole header."""
    return str(tab.header.evaluate("(header) => getComputedStyle(header).backgroundColor"))


@pytest.mark.slow
def test_without_an_apiserver_the_whole_header_turns_and_the_age_grows(
    opened: Open, own_lens: Lens, own_cluster: Cluster
) -> None:
    tab = opened(own_lens.url, ADMIN)
    tab.sign_in(ADMIN)
    fresh = background(tab)
    expect(tab.figure(AGE)).to_be_visible()
    own_cluster.stop()
    expect(tab.header).to_have_attribute("data-state", "stale", timeout=90_000)
    assert background(tab) != fresh
    before = seconds(tab)
    tab.until(lambda: seconds(tab) > before + 1, "growth of the age")
    expect(tab.figure(TOTAL)).to_have_text("48")
    own_cluster.put(pod("new-0", "n3", 2, namespace="ml"))
    own_cluster.start()
    tab.expect_state("live")
    assert expect_agreement(tab, own_lens, ADMIN)["gpu_states"]["allocated"] == 38
    assert background(tab) == fresh


def test_a_replica_that_is_rolled_is_found_again(opened: Open, own_lens: Lens, own_cluster: Cluster) -> None:
    tab = opened(own_lens.url, ADMIN)
    tab.forgive(*GONE)
    tab.sign_in(ADMIN)
    own_lens.kill()
    tab.expect_state("lost")
    expect(tab.figure(TOTAL)).to_have_text("48")
    own_cluster.put(pod("new-0", "n3", 2, namespace="ml"))
    own_lens.start()
    tab.expect_state("live")
    assert expect_agreement(tab, own_lens, ADMIN)["gpu_states"]["allocated"] == 38


def test_with_too_many_streams_it_waits_and_says_for_how_long(
    own_cluster: Cluster, opened: Open, tmp_path: Path
) -> None:
    with Lens(own_cluster, tmp_path, streams_per_caller="1") as lens:
        first, second = opened(lens.url, ADMIN), opened(lens.url, ADMIN)
        second.forgive(r"status of 429")
        first.sign_in(ADMIN)
        second.open(f"/#token={ADMIN}")
        expect(second.main).to_contain_text(re.compile(r"next attempt is in \d+ second"))
        refused = len([each for each in second.requests if "/stream?" in each.url])
        assert refused == 1
        first.page.close()
        second.expect_state("live")
        expect(second.figure(TOTAL)).to_have_text("48")


def test_what_is_no_answer_of_lens_is_asked_for_again(opened: Open, lens: Lens) -> None:
    """A proxy's own page, where its session has ended, or a body that broke off with a replica."""
    tab = opened(lens.url, ADMIN)
    spoilt = {"access": "<p>Log in", "status": '{"meta": {"code": 2000', "pending-tasks": "[]"}

    def spoil(route: Route) -> None:
        body = spoilt.pop(urlsplit(route.request.url).path.rpartition("/")[2], None)
        if body is None:
            route.continue_()
        else:
            route.fulfill(status=200, content_type="text/html", body=body)

    tab.page.route("**/api/v1/**", spoil)
    tab.open(f"/#token={ADMIN}")
    expect(tab.main).to_contain_text("The answer isn't one of Lens'")
    tab.expect_state("live")
    tab.until(lambda: not spoilt, lambda: str(spoilt))
    tab.until(
        lambda: sum("/realtime/pending-tasks?" in request.url for request in tab.requests) > 1,
        "pending-tasks were asked for once",
    )
    expect(tab.main).not_to_contain_text("The answer isn't one of Lens'")


def test_tasks_that_are_not_known_are_not_none(opened: Open, lens: Lens) -> None:
    """Of a list that is refused there is no number."""
    tab = opened(lens.url, ADMIN)
    tab.forgive(r"status of 503")
    body = json.dumps({"meta": {"code": 5003, "message": "Later"}, "data": None})
    tab.page.route("**/realtime/running-tasks?*", lambda route: route.fulfill(status=503, body=body))
    tab.sign_in(ADMIN)
    tab.open("/#/tasks?state=all")
    expect(tab.main).to_contain_text("Later. The page tries again by itself.")
    expect(tab.main).not_to_contain_text(re.compile(r"\d+ of \d+"))


def test_a_tab_of_last_year_offers_to_reload(opened: Open, lens: Lens, loop: Loop) -> None:
    with Proxy(loop, lens.url, "", drops_authorization=False) as proxy:
        tab = opened(proxy.url, ADMIN)
        tab.forgive(*GONE, r"status of 401")
        tab.sign_in(ADMIN)
        reload = tab.page.get_by_role("button", name=re.compile("reload", re.IGNORECASE))
        expect(reload).to_have_count(0)
        # The Lens that answers from now on has another page.
        proxy.headers["Lens-Page"] = "0123456789abcdef"
        proxy.cut()
        expect(reload).to_be_visible()
        tab.expect_state("live")
        expect(tab.figure(TOTAL)).to_have_text("48")
        proxy.headers.clear()
        reload.click()
        expect(tab.dialog).to_be_visible()
        expect(reload).to_have_count(0)
        tab.page.close()
