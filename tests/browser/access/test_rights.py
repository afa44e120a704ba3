"""Rights in one namespace, and rights to capacity alone: the same page with what RBAC shows."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import ADMIN, ENGINEER, TENANT, Open
from tests.browser.scene.lens import Lens
from tests.browser.scene.tab import TOTAL, Tab

NAMES_OF_OTHERS = ("notebook-0", "finetune-0", "serve-0", "small-0", "gated-0")
NAMES_OF_PODS = (*NAMES_OF_OTHERS, "train-1", "large-0")


def expect_without(tab: Tab, *names: str) -> None:
    """Expect that nothing in the page names these, seen or not."""
    content = tab.page.content()
    assert [name for name in names if name in content] == []


def test_who_may_see_one_namespace_sees_that(opened: Open, lens: Lens) -> None:
    tab = opened(lens.url, TENANT)
    tab.forgive(r"status of 403")
    tab.open(f"/#token={TENANT}")
    tab.main.get_by_label("Namespace").fill("research")
    tab.page.keyboard.press("Enter")
    tab.expect_state("live")
    expect(tab.main).to_contain_text("large-0")
    expect(tab.header).to_contain_text("research")
    expect_without(tab, *NAMES_OF_OTHERS)
    # The namespace is in the address: a link to send.
    assert "research" in tab.page.url


def test_pods_that_wait_and_are_not_known_are_not_none(opened: Open, lens: Lens) -> None:
    """The page adds up one namespace itself, and its pods that wait come by a request of their own."""
    tab = opened(lens.url, TENANT)
    tab.forgive(r"status of 403", r"status of 503")
    tab.page.route("**/realtime/pending-tasks?*", lambda route: route.fulfill(status=503, body="Later"))
    tab.open(f"/#token={TENANT}")
    tab.main.get_by_label("Namespace").fill("research")
    tab.page.keyboard.press("Enter")
    tab.expect_state("live")
    expect(tab.main.locator(".namespaces [data-figure=allocated_gpus]").first).to_have_text(re.compile(r"\d"))
    expect(tab.main.locator(".namespaces [data-figure=pending_gpus]").first).to_have_text("\N{EN DASH}")


def test_who_may_see_capacity_sees_what_is_free_and_no_names(opened: Open, lens: Lens) -> None:
    tab = opened(lens.url, ENGINEER)
    tab.sign_in(ENGINEER)
    expect(tab.figure(TOTAL)).to_have_text("48")
    available = lens.status(ADMIN)["gpu_states"]["available"]
    expect(tab.figure("gpu_states.available")).to_have_text(str(available))
    expect(tab.header).to_contain_text("capacity")
    expect_without(tab, *NAMES_OF_PODS)
    links = tab.header.get_by_role("link")
    expect(links.filter(has_text="Alerts")).to_have_count(0)
    expect(links.filter(has_text="Tasks")).to_have_count(0)


def test_a_view_that_rights_do_not_show_says_so(opened: Open, lens: Lens) -> None:
    tab = opened(lens.url, ENGINEER)
    tab.forgive(r"status of 403")
    tab.sign_in(ENGINEER, "/alerts")
    expect(tab.main).to_contain_text("lens-viewer")
    expect_without(tab, *NAMES_OF_PODS)
