"""One browser for all tests; one standing cluster and its Lens for a module's; new tabs for each."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.scene import standing
from tests.browser.scene.cluster import CAPACITY, EVERYTHING, Cluster
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.tab import DEADLINE_S, Tab
from tests.required import program

ADMIN = "token-of-admin"
ENGINEER = "token-of-engineer"
TENANT = "token-of-tenant"

Open = Callable[..., Tab]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium."""
    chromium = program("chromium")
    expect.set_options(timeout=1000 * DEADLINE_S)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """Return the loop that the simulated servers run in."""
    with Loop() as loop:
        yield loop


@pytest.fixture(scope="module")
def cluster(loop: Loop, browser: Browser) -> Iterator[Cluster]:
    """Return the standing cluster, with three callers; a test leaves it as it was.

    Without a browser nothing of it is started.
    """
    with Cluster(loop, standing.objects()) as cluster:
        assert cluster.agents is not None
        cluster.agents.idle |= standing.IDLE
        cluster.admit(ADMIN, EVERYTHING)
        cluster.admit(ENGINEER, CAPACITY)
        cluster.admit(TENANT, EVERYTHING._replace(namespace="research"))
        yield cluster


@pytest.fixture(scope="module")
def lens(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    """Return the Lens that counts it."""
    with Lens(cluster, tmp_path_factory.mktemp("lens")) as lens:
        yield lens


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a session of the browser that remembers nothing of others."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def opened(context: BrowserContext) -> Iterator[Open]:
    """Return what opens an empty tab for an address; in the end nothing may have gone wrong in any."""
    tabs: list[Tab] = []

    def open_tab(base: str, *secrets: str) -> Tab:
        tabs.append(Tab(context, base, *secrets))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.check()


@pytest.fixture
def tab(opened: Open, lens: Lens) -> Tab:
    """Return a tab in which the page shows everything."""
    tab = opened(lens.url, ADMIN)
    tab.sign_in(ADMIN)
    return tab
