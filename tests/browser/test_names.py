"""Names are what tenants choose: the page shows them as text, whatever they are."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ADMIN, Open
from tests.browser.scene.cluster import EVERYTHING, Cluster
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.manifests import Object, node, pod
from tests.browser.scene.tab import Tab

IMAGE = "<img src=x onerror=globalThis.stolen=1>"
RIGHT_TO_LEFT = "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe"
HEBREW = "אימון-מודל-גדול"
LONG = "x" * 253
HOSTILE = (
    IMAGE,
    "<script>globalThis.stolen=1</script>",
    "javascript:globalThis.stolen=1",
    "${globalThis.stolen=1}",
    "{{constructor.constructor('globalThis.stolen=1')()}}",
    "'; DROP TABLE pods; --",
    "a&lt;b&amp;c",
    "__proto__",
    "constructor",
    "%2e%2e%2fadmin?x=1#y",
    RIGHT_TO_LEFT,
    HEBREW,
    LONG,
)

POOL = "gke-production-europe-west4-gpu-h100-pool-3f2a1b4c"
ALIKE = (f"{POOL}-x7k2", f"{POOL}-m9q4", f"ip-10-0-12-34.{'eu-west-1.compute.internal.' * 4}example.com")
"""What tells them apart is at their end, or before a domain."""

VIEWS = ("", "/nodes", "/tasks", "/pending", "/alerts", "/events")


def hostile() -> list[Object]:
    """Return nodes and pods of all these names; each name is also a namespace's, and a scheduler's reason."""
    objects = [node("n1"), node("n2"), node(IMAGE, product=IMAGE), node(LONG, cordoned=True, product=LONG)]
    for number, name in enumerate(HOSTILE):
        on = ("n1", "n2", IMAGE)[number % 3]
        objects.append(pod(name, on, 1, namespace=name))
        objects.append(pod(f"{name}.", gpus=8, namespace=name, since=900 + number, refused=f"0/4: {name}"))
    return objects


@pytest.fixture(scope="module")
def hostile_lens(loop: Loop, browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    """Return the Lens of a cluster in which nobody has an ordinary name."""
    with Cluster(loop, hostile(), telemetry=False) as cluster:
        cluster.admit(ADMIN, EVERYTHING)
        with Lens(cluster, tmp_path_factory.mktemp("hostile")) as lens:
            yield lens


def expect_text_alone(tab: Tab) -> None:
    """Expect that no name has become more than text."""
    assert tab.evaluate("globalThis.stolen") is None
    assert tab.evaluate("document.querySelectorAll('#page img, #page script, #page iframe').length") == 0
    assert tab.evaluate("[...document.links].filter((link) => !/^https?:/.test(link.protocol)).length") == 0
    assert tab.evaluate("Object.keys(Object.prototype).length") == 0


@pytest.mark.parametrize("view", VIEWS)
def test_hostile_names_are_text(opened: Open, hostile_lens: Lens, view: str) -> None:
    tab = opened(hostile_lens.url, ADMIN)
    tab.sign_in(ADMIN, view)
    if view != "/events":
        expect(tab.main).to_contain_text(IMAGE)
    expect_text_alone(tab)
    # Nor does a name of 253 characters push the page wider than the window.
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_link_to_a_hostile_name_leads_to_it(opened: Open, hostile_lens: Lens) -> None:
    tab = opened(hostile_lens.url, ADMIN)
    tab.sign_in(ADMIN, "/nodes")
    tab.main.get_by_role("link", name=IMAGE, exact=True).first.click()
    expect(tab.main.get_by_role("heading", level=1)).to_contain_text(IMAGE)
    expect_text_alone(tab)


def test_a_command_to_copy_is_quoted(opened: Open, hostile_lens: Lens) -> None:
    tab = opened(hostile_lens.url, ADMIN)
    tab.sign_in(ADMIN, "/tasks")
    row = tab.main.get_by_role("row").filter(has_text="DROP TABLE").first
    row.get_by_role("button", name="as a command").click()
    menu = tab.page.get_by_role("dialog")
    expect(menu.get_by_text("kubectl", exact=False).last).to_be_visible()
    # The name begins with a quote: quoted for a shell, it's still one word.
    assert "''\\''; DROP TABLE pods; --'" in menu.inner_text()
    assert "$TOKEN" in menu.inner_text()


@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString", "nope", "%E0%A4%A"])
def test_an_address_of_no_view_says_so(tab: Tab, name: str) -> None:
    tab.open(f"/#/{name}")
    expect(tab.main.get_by_role("heading", level=1)).to_have_text(f"There is no page “{name}”")


@pytest.mark.parametrize("name", ["nope", "%", "..", "a%2Fb", "<script>"])
def test_an_address_of_no_node_says_so(tab: Tab, name: str) -> None:
    tab.forgive("404")
    tab.open(f"/#/nodes/{name}")
    expect(tab.main.get_by_role("heading", level=1)).to_have_text(
        f"There is no node “{unquote(name)}” with GPUs"
    )


SEEN = """(ends) => ends.filter((end) => ![...document.querySelectorAll(".tile-name span, td .name")].some(
  (each) => {
  if (!each.textContent.endsWith(end)) return false;
  const [own, frame] = [each.getBoundingClientRect(), each.closest(".tile, td").getBoundingClientRect()];
  const whole = each.scrollWidth <= each.clientWidth && each.scrollHeight <= each.clientHeight;
  return whole && own.width > 0 && own.left >= frame.left && own.right <= frame.right + 1;
}))"""


@pytest.mark.parametrize("width", [360, 1280])
def test_names_that_differ_at_their_end_can_be_told_apart(
    opened: Open, loop: Loop, tmp_path: Path, width: int
) -> None:
    objects = [*map(node, ALIKE), *(pod(name, name, 2) for name in ALIKE[:2])]
    with Cluster(loop, objects, telemetry=False) as cluster:
        cluster.admit(ADMIN, EVERYTHING)
        with Lens(cluster, tmp_path) as lens:
            tab = opened(lens.url, ADMIN)
            tab.page.set_viewport_size({"width": width, "height": 800})
            tab.sign_in(ADMIN)
            expect(tab.map.get_by_role("gridcell").first).to_be_visible()
            expect(tab.map.get_by_role("link", name=ALIKE[0], exact=True)).to_have_count(1)
            assert tab.evaluate(SEEN, ["c-x7k2", "c-m9q4", "0-12-34"]) == []
            tab.open("/#/nodes")
            expect(tab.main.get_by_role("row")).to_have_count(4)
            assert tab.evaluate(SEEN, list(ALIKE[:2])) == []
            tab.page.close()
