"""For everybody: nothing that axe finds, at any width, in any colours, without motion."""

from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import ADMIN, ENGINEER
from tests.browser.scene.lens import Lens
from tests.browser.scene.tab import TOTAL, Tab

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js")
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
  ({id, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${target}: ${failureSummary}`))"""

VIEWS = (
    "",
    "/nodes",
    "/nodes/n4",
    "/tasks",
    "/tasks/research/train-1",
    "/pending",
    "/pending/research/large-0",
    "/alerts",
    "/events",
    "/clusters",
    "/history",
    "/nothing-of-this-name",
)

STATES = ("busy", "idle", "free", "closed", "broken")

New = Callable[..., Tab]


@pytest.fixture
def new(browser: Browser, lens: Lens) -> Iterator[New]:
    """Return what opens the page in a browser of the settings that are given."""
    tabs: list[Tab] = []

    def new_tab(view: str = "", token: str = ADMIN, **settings: Any) -> Tab:
        tab = Tab(browser.new_context(**settings), lens.url, token)
        tabs.append(tab)
        tab.sign_in(token, view)
        return tab

    yield new_tab
    for tab in tabs:
        tab.page.context.close()
    for tab in tabs:
        tab.check()


def views(tab: Tab, *paths: str) -> Iterator[str]:
    """Show one view after another, each until it is there."""
    for path in paths:
        tab.page.goto(f"{tab.base}/#{path}")
        expect(tab.main.get_by_role("heading").first).to_be_visible()
        expect(tab.main.get_by_text("Loading", exact=False)).to_have_count(0)
        yield path


def findings(tab: Tab) -> list[str]:
    """Return what axe-core finds."""
    if not tab.evaluate("'axe' in globalThis"):
        tab.evaluate(AXE.read_text())
    return list(tab.evaluate(RUN))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view(new: New, scheme: Literal["light", "dark"]) -> None:
    tab = new(color_scheme=scheme)
    found = {path: findings(tab) for path in views(tab, *VIEWS)}
    assert {path: each for path, each in found.items() if each} == {}


def test_axe_finds_nothing_in_dialogs(new: New) -> None:
    tab = new()
    for key in ("/", "?"):
        tab.page.keyboard.press(key)
        expect(tab.page.get_by_role("dialog")).to_be_visible()
        assert findings(tab) == []
        tab.page.keyboard.press("Escape")
        expect(tab.page.get_by_role("dialog")).to_have_count(0)
    tab.header.get_by_role("button", name="Token").click()
    expect(tab.dialog).to_be_visible()
    assert findings(tab) == []


def test_axe_finds_nothing_with_rights_to_capacity_alone(new: New) -> None:
    assert findings(new(token=ENGINEER)) == []


@pytest.mark.parametrize(
    "settings",
    [
        # 400 % of 1280 by 1024.
        {"viewport": {"width": 320, "height": 256}, "has_touch": True},
        # 200 % of 1280 by 800.
        {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
        {"viewport": {"width": 1920, "height": 1080}},
    ],
    ids=["320", "zoomed", "1920"],
)
def test_nothing_scrolls_sideways(new: New, settings: dict[str, Any]) -> None:
    tab = new(**settings)
    wide = {
        path: tab.evaluate("document.documentElement.scrollWidth")
        for path in views(tab, *VIEWS)
        if tab.evaluate("document.documentElement.scrollWidth > innerWidth")
    }
    assert wide == {}


def test_nothing_moves_for_who_wants_no_motion(new: New) -> None:
    tab = new(reduced_motion="reduce")
    expect(tab.figure(TOTAL)).to_be_visible()
    moving = """[...document.querySelectorAll("*")].filter((element) => {
      const {animationName, animationDuration, transitionDuration} = getComputedStyle(element);
      const lasts = (text) => text.split(",").some((each) => parseFloat(each) > 0.001);
      return (animationName !== "none" && lasts(animationDuration)) || lasts(transitionDuration);
    }).map((element) => element.outerHTML.slice(0, 100))"""
    assert tab.evaluate(moving) == []


def cell(tab: Tab, state: str) -> Locator:
    """Return a cell of the map in a state."""
    return tab.main.get_by_role("gridcell").and_(tab.page.locator(f'[data-state="{state}"]')).first


@pytest.mark.parametrize("colours", ["light", "dark", "forced", "none"])
def test_all_states_look_different_in_any_colours(new: New, colours: str) -> None:
    forced: Literal["active", "none"] = "active" if colours == "forced" else "none"
    tab = new(color_scheme="dark" if colours == "dark" else "light", forced_colors=forced)
    if colours == "none":
        session = tab.page.context.new_cdp_session(tab.page)
        session.send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
    for state in STATES:
        expect(cell(tab, state)).to_be_visible()
    pictures = {state: cell(tab, state).screenshot() for state in STATES}
    assert len(set(pictures.values())) == len(STATES)
