"""All of it by the keyboard alone."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene.lens import Lens
from tests.browser.scene.tab import TOTAL, Tab

FOCUSED = """() => {
  const element = document.activeElement;
  const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(element);
  return {
    name: element === document.body ? "" : element.outerHTML.slice(0, 120),
    seen: (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
    inMap: element.closest("[role=grid]") !== null,
    rect: element.getBoundingClientRect().toJSON(),
  };
}"""
MAX_STOPS = 150


def heading(tab: Tab) -> str:
    """Return the view's own heading."""
    return tab.main.get_by_role("heading", level=1).first.inner_text()


def test_search_opens_a_node_and_esc_leads_back(tab: Tab) -> None:
    first = tab.page.url
    tab.page.keyboard.press("/")
    box = (
        tab.page.get_by_role("dialog")
        .get_by_role("combobox")
        .or_(tab.page.get_by_role("dialog").get_by_role("searchbox"))
    )
    expect(box).to_be_focused()
    tab.page.keyboard.type("n4")
    expect(tab.page.get_by_role("dialog").get_by_role("option").first).to_contain_text("n4")
    tab.page.keyboard.press("Enter")
    expect(tab.main.get_by_role("heading", level=1)).to_contain_text("n4")
    tab.page.keyboard.press("Escape")
    expect(tab.figure(TOTAL)).to_be_visible()
    tab.until(lambda: tab.page.url.rstrip("#/") == first.rstrip("#/"), "the first screen's address")


def test_help_names_the_keys_and_gives_the_focus_back(tab: Tab) -> None:
    link = tab.header.get_by_role("link").nth(1)
    link.focus()
    tab.page.keyboard.press("?")
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for key in ("/", "?", "Esc", "Enter"):
        expect(dialog.get_by_text(key, exact=True).first).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()


def test_arrows_move_in_the_map_and_enter_opens(tab: Tab) -> None:
    cells = tab.map.get_by_role("gridcell")
    expect(cells.first).to_be_visible()
    for _ in range(MAX_STOPS):
        tab.page.keyboard.press("Tab")
        if tab.evaluate(FOCUSED)["inMap"]:
            break
    # One stop for the whole map: arrows do the rest.
    before = tab.evaluate(FOCUSED)
    assert before["inMap"], before
    tab.page.keyboard.press("ArrowRight")
    after = tab.evaluate(FOCUSED)
    assert after["inMap"]
    assert after["rect"] != before["rect"]
    assert after["seen"]
    tab.page.keyboard.press("Enter")
    expect(tab.main.get_by_role("heading", level=1)).to_contain_text(re.compile(r"\bn[1-6]\b"))
    tab.page.keyboard.press("Escape")
    expect(tab.map).to_be_visible()
    tab.until(lambda: bool(tab.evaluate(FOCUSED)["inMap"]), lambda: tab.evaluate(FOCUSED))


def test_who_goes_through_by_tab_sees_where_they_are_and_gets_out_again(tab: Tab) -> None:
    expect(tab.map).to_be_visible()
    unseen, names = [], []
    for _ in range(MAX_STOPS):
        tab.page.keyboard.press("Tab")
        focused = tab.evaluate(FOCUSED)
        if not focused["name"]:
            break
        names.append(focused["name"])
        if not focused["seen"]:
            unseen.append(focused["name"])
    else:
        raise AssertionError(f"no end after {MAX_STOPS} stops: {names[-5:]}")
    assert unseen == []
    assert len(names) > 10


def test_a_token_is_given_without_a_pointer(opened: Open, lens: Lens) -> None:
    tab = opened(lens.url, ADMIN)
    tab.forgive(r"status of 401")
    tab.open()
    expect(tab.dialog.get_by_label("Token")).to_be_focused()
    tab.page.keyboard.type(ADMIN)
    tab.page.keyboard.press("Enter")
    tab.expect_state("live")


def test_a_table_is_a_key_away(tab: Tab) -> None:
    expect(tab.map).to_be_visible()
    tab.page.keyboard.press("t")
    table = tab.main.get_by_role("table").filter(has_text="n4").filter(has_text="n1").first
    expect(table).to_be_visible()
    tab.page.keyboard.press("t")
    expect(tab.map).to_be_visible()


def test_esc_closes_a_menu_and_goes_nowhere(tab: Tab) -> None:
    tab.page.keyboard.press("g")
    tab.page.keyboard.press("n")
    button = tab.main.get_by_role("button", name="as a command").first
    button.focus()
    tab.page.keyboard.press("Enter")
    menu = tab.page.get_by_role("dialog", name="Copy")
    expect(menu).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    assert heading(tab) == "Nodes"


def test_a_view_begins_at_its_top_and_is_left_where_one_comes_back_to(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 800, "height": 300})
    tab.page.keyboard.press("g")
    tab.page.keyboard.press("n")
    tab.main.get_by_role("link", name="n6", exact=True).focus()
    tab.until(lambda: tab.evaluate("scrollY") > 0, "a page that is scrolled")
    before = tab.evaluate("scrollY")
    tab.page.keyboard.press("Enter")
    expect(tab.main.get_by_role("heading", level=1)).to_have_text("n6")
    tab.until(lambda: tab.evaluate("scrollY") == 0, "its top")
    tab.page.keyboard.press("Escape")
    tab.until(lambda: bool(tab.evaluate("scrollY") == before), "the list as it was left")
