"""`/docs` in a browser: what a reader of the API opens first."""

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.scene.lens import Lens


def test_the_page_of_the_api_opens_and_asks_nobody_else(lens: Lens, opened: Open) -> None:
    tab = opened(lens.url)
    tab.open("/docs")
    expect(tab.page.get_by_role("heading", level=1)).to_contain_text("Lens")
    expect(tab.page.get_by_role("heading", name="/api/v1/realtime/status")).to_be_visible()
    assert [request.url for request in tab.requests] == [f"{lens.url}/docs"]
