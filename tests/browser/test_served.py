"""How the page is served: a strict policy, files that browsers keep for ever, and few bytes."""

import gzip
import re
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, BrowserContext, Response, expect

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene.lens import Lens
from tests.browser.scene.tab import TOTAL, Tab

MAX_BYTES = 75 * 1024
"""Of all that the first screen loads, compressed by gzip."""


@pytest.fixture
def client(context: BrowserContext) -> APIRequestContext:
    """Return what sends requests beside the page."""
    return context.request


@pytest.fixture
def loaded(opened: Open, lens: Lens) -> tuple[Tab, list[Response]]:
    """Return a tab with the first screen, and the files that it took."""
    tab = opened(lens.url, ADMIN)
    files: list[Response] = []

    def note(response: Response) -> None:
        if "/api/" not in response.url:
            files.append(response)

    tab.page.on("response", note)
    tab.sign_in(ADMIN)
    expect(tab.figure(TOTAL)).to_be_visible()
    tab.page.wait_for_load_state("load")
    return tab, files


def test_the_policy_lets_nothing_in_but_the_page_itself(loaded: tuple[Tab, list[Response]]) -> None:
    for response in loaded[1]:
        headers = response.headers
        policy = dict(
            part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
        )
        assert "unsafe" not in headers["content-security-policy"]
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_no_other_page_may_frame_it(opened: Open, lens: Lens) -> None:
    tab = opened(lens.url)
    tab.forgive("frame-ancestors")
    tab.page.set_content(f'<iframe src="{lens.url}/"></iframe>')
    tab.until(lambda: tab.page.frames[-1].url.startswith("chrome-error:"), "a refusal")


def test_browsers_keep_files_for_ever_and_ask_for_the_document(
    loaded: tuple[Tab, list[Response]], client: APIRequestContext, lens: Lens
) -> None:
    document, *files = loaded[1]
    assert document.headers["cache-control"] == "no-cache"
    etag = client.get(f"{lens.url}/").headers["etag"]
    assert client.get(f"{lens.url}/", headers={"If-None-Match": etag}).status == 304
    assert files
    for each in files:
        assert "immutable" in each.headers["cache-control"], each.url
        assert re.search(r"/assets/[0-9a-f]{16}/", each.url)
        assert each.headers["etag"]
    unknown = re.sub(r"/assets/[0-9a-f]{16}/", "/assets/0123456789abcdef/", files[0].url)
    assert client.get(unknown).status == 404


def test_the_first_screen_takes_few_bytes(loaded: tuple[Tab, list[Response]]) -> None:
    sizes = {response.url: len(gzip.compress(response.body())) for response in loaded[1]}
    assert sum(sizes.values()) <= MAX_BYTES, sizes
    assert not any("plot" in name for name in sizes)
    # What is sent is compressed, too.
    script = next(response for response in loaded[1] if response.url.endswith("preact.js"))
    assert script.headers["content-encoding"] in ("gzip", "zstd", "br")


def test_a_second_visit_asks_for_the_document_alone(loaded: tuple[Tab, list[Response]]) -> None:
    tab, files = loaded
    before = {response.url.removeprefix(tab.base) for response in files}
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Network.enable")
    urls: dict[str, str] = {}
    taken: dict[str, float] = {}

    def begun(event: Any) -> None:
        urls[event["requestId"]] = event["request"]["url"]

    def ended(event: Any) -> None:
        # What was asked for before, such as the stream, ends too.
        if event["requestId"] in urls:
            taken[urls[event["requestId"]]] = event["encodedDataLength"]

    session.on("Network.requestWillBeSent", begun)
    session.on("Network.loadingFinished", ended)
    tab.forgive("status of 401")
    tab.page.reload()
    expect(tab.dialog).to_be_visible()
    tab.until(lambda: any(url.endswith("/preact.js") for url in taken), "the page's files")
    sent = {url.removeprefix(tab.base) for url, size in taken.items() if size and "/api/" not in url}
    assert sent & before <= {"/"}
