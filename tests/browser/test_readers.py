"""Five questions of somebody who has not seen the page: each answer stands on the first screen."""

import re

from playwright.sync_api import expect

from tests.browser.scene.tab import Tab


def in_view(tab: Tab) -> str:
    """Return the text of what the first screen shows."""
    return " ".join(tab.main.inner_text().split())


def test_who_holds_most(tab: Tab) -> None:
    first = (
        tab.main.locator("[data-row]").filter(has=tab.page.locator('[data-figure="allocated_gpus"]')).first
    )
    expect(first).to_contain_text("research")
    expect(first.locator('[data-figure="allocated_gpus"]')).to_have_text("24")


def test_what_is_idle(tab: Tab) -> None:
    # The two notebooks of ml hold 4 GPUs and use none of them.
    expect(tab.figure("gpu_states.idle")).to_have_text("4")
    row = tab.main.locator('[data-row="ml"]').first
    expect(row.locator('[data-figure="idle_gpus"]')).to_have_text("4")


def test_why_does_this_job_wait(tab: Tab) -> None:
    row = tab.main.locator('[data-row="research/large-0"]').first
    expect(row).to_contain_text("8")
    # In plain words, with what would help: not the scheduler's line alone.
    expect(row).not_to_contain_text("preemption: no victims")
    expect(row).to_contain_text(re.compile("free|cordoned|enough|room", re.IGNORECASE))


def test_would_four_times_eight_fit(tab: Tab) -> None:
    form = tab.main.get_by_role("region", name=re.compile("fit", re.IGNORECASE))
    form.get_by_label("GPUs").fill("8")
    form.get_by_label(re.compile("replicas", re.IGNORECASE)).fill("4")
    expect(form.get_by_role("status").get_by_text("No", exact=True)).to_be_visible()
    form.get_by_label("GPUs").fill("2")
    form.get_by_label(re.compile("replicas", re.IGNORECASE)).fill("1")
    expect(form.get_by_role("status").get_by_text("Yes", exact=True)).to_be_visible()
    # On which node, and as any product was asked for, of which.
    expect(form.get_by_role("status")).to_contain_text(re.compile("n3.*H100"))


def test_what_is_broken(tab: Tab) -> None:
    expect(tab.figure("gpu_states.unhealthy")).to_have_text("1")
    text = in_view(tab)
    assert "n6 is not ready" in text
    assert "on n4" in text
