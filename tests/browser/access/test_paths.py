"""The page behind what is before Lens: an ingress with a prefix, a login, the apiserver's service proxy."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.proxy import SERVICE, Proxy
from tests.browser.scene.tab import TOTAL


@pytest.mark.parametrize(
    ("prefix", "options"),
    [("/gpu/lens", {}), (SERVICE, {"drops_authorization": True}), ("", {"cookie": "session=of-jane"})],
    ids=["ingress", "apiserver", "login"],
)
def test_it_works_behind_any_proxy_without_a_setting(
    prefix: str, options: dict[str, Any], opened: Open, lens: Lens, loop: Loop
) -> None:
    with Proxy(loop, lens.url, prefix, **options) as proxy:
        tab = opened(proxy.url, ADMIN)
        tab.sign_in(ADMIN)
        expect(tab.figure(TOTAL)).to_have_text("48")
        tab.page.goto(f"{proxy.url}/#/pending")
        expect(tab.main).to_contain_text("large-0")
        outside = [request.url for request in tab.requests if not request.url.startswith(f"{proxy.url}/")]
        assert outside == []
        assert any("/stream?" in path for path in proxy.passed)
        tab.page.close()
