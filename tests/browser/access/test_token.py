"""The token: asked for in a dialog, kept where its owner wants it, and in no address."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene.cluster import EVERYTHING, Cluster
from tests.browser.scene.lens import Lens
from tests.browser.scene.tab import TOTAL, Tab

UNAUTHORIZED = r"status of 401"


def enter(tab: Tab, token: str, *, keep: bool = False) -> None:
    """Type a token into the dialog and send it."""
    tab.dialog.get_by_label("Token").fill(token)
    tab.dialog.get_by_role("checkbox").set_checked(keep)
    tab.page.keyboard.press("Tab")
    tab.dialog.get_by_role("button", name="Sign in").click()


@pytest.fixture
def asked(opened: Open, lens: Lens) -> Tab:
    """Return a tab without a token, which asks for one."""
    tab = opened(lens.url, ADMIN)
    tab.forgive(UNAUTHORIZED)
    tab.open()
    expect(tab.dialog).to_be_visible()
    return tab


def test_the_page_asks_and_says_how_to_have_one(asked: Tab) -> None:
    expect(asked.dialog).to_contain_text(re.compile(r"kubectl .*create token"))
    expect(asked.dialog.get_by_role("button", name=re.compile("copy", re.IGNORECASE))).to_be_visible()
    expect(asked.dialog.get_by_label("Token")).to_be_focused()
    assert asked.figure(TOTAL).count() == 0


def test_a_token_is_in_memory_alone(asked: Tab) -> None:
    enter(asked, ADMIN)
    asked.expect_state("live")
    expect(asked.dialog).to_have_count(0)
    assert ADMIN not in asked.evaluate(
        "JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])"
    )
    asked.page.reload()
    expect(asked.dialog).to_be_visible()


def test_on_request_it_outlives_a_reload_of_this_tab_and_of_no_other(
    asked: Tab, opened: Open, lens: Lens
) -> None:
    enter(asked, ADMIN, keep=True)
    asked.expect_state("live")
    asked.page.reload()
    asked.expect_state("live")
    assert ADMIN not in asked.evaluate("JSON.stringify([{...localStorage}, document.cookie])")
    other = opened(lens.url, ADMIN)
    other.forgive(UNAUTHORIZED)
    other.open()
    expect(other.dialog).to_be_visible()


def test_a_token_that_is_wrong_is_said_to_be(asked: Tab) -> None:
    enter(asked, "token-of-nobody")
    expect(asked.dialog.get_by_role("alert")).to_contain_text("refused")
    expect(asked.dialog.get_by_label("Token")).to_be_focused()
    enter(asked, ADMIN)
    asked.expect_state("live")


def test_a_text_that_can_be_no_token_is_not_sent(asked: Tab) -> None:
    sent = len(asked.requests)
    enter(asked, "ein Schlüssel\N{PILE OF POO}")
    expect(asked.dialog.get_by_role("alert")).not_to_be_empty()
    assert len(asked.requests) == sent


def test_a_token_in_the_address_is_taken_once_and_is_in_no_history(
    opened: Open, lens: Lens, context: BrowserContext
) -> None:
    tab = opened(lens.url, ADMIN)
    tab.open("/docs")
    tab.sign_in(ADMIN)
    assert ADMIN not in tab.page.url
    session = context.new_cdp_session(tab.page)
    entries = session.send("Page.getNavigationHistory")["entries"]
    assert [entry["url"] for entry in entries if ADMIN in entry["url"]] == []
    tab.page.reload()
    tab.forgive(UNAUTHORIZED)
    expect(tab.dialog).to_be_visible()


def test_the_address_may_name_a_view_behind_the_token(opened: Open, lens: Lens) -> None:
    tab = opened(lens.url, ADMIN)
    tab.sign_in(ADMIN, "/pending")
    assert tab.page.url == f"{lens.url}/#/pending"


@pytest.mark.slow
def test_a_token_that_is_revoked_is_asked_for_again(opened: Open, lens: Lens, cluster: Cluster) -> None:
    token = cluster.admit("token-for-an-hour", EVERYTHING)
    tab = opened(lens.url, token)
    tab.forgive(UNAUTHORIZED)
    tab.sign_in(token)
    cluster.revoke(token)
    # A positive review is good for 30 s, and a stream's caller is reviewed every minute.
    expect(tab.dialog).to_be_visible(timeout=120_000)
    expect(tab.header).to_have_attribute("data-state", "denied")
    enter(tab, ADMIN)
    tab.expect_state("live")
