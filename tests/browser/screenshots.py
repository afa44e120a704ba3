"""Pictures of the page, to look at: `python -m tests.browser.screenshots [SCENE...]`.

They are in build/screenshots. With `--readme` the README's picture is taken anew, of the fleet.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import NODES, PODS
from lens_sim.objects.store import Store
from tests.bench.process import Process
from tests.browser.scene import standing
from tests.browser.scene.cluster import EVERYTHING, Cluster
from tests.browser.scene.lens import Lens
from tests.browser.scene.loop import Loop
from tests.browser.scene.manifests import A100, GPU, Object, node, pod
from tests.browser.scene.tab import DEADLINE_S, Tab

FOLDER = Path("build/screenshots")
README = Path("docs/page.png")
WIDTHS = (360, 1280, 1920)
HEIGHTS = {360: 740, 1280: 900, 1920: 1080}
TOKEN = "token-of-a-reader"
README_HEIGHT = 1_010
FLEET_NODES = 24
FLEET_SEED = 11
REFUSED = (
    f"0/{FLEET_NODES} nodes are available: 1 node(s) were unschedulable, "
    f"{FLEET_NODES - 1} Insufficient {GPU}. preemption: no victims."
)
SETTLE_S = 5.0
TREND_S = 40.0
"""How long the README's page is open: its trend has begun."""


def _broken() -> list[Object]:
    """Return a cluster in which something is wrong with every node."""
    nodes = [
        *(node(f"n{number}", ready=False) for number in (1, 2)),
        *(node(f"n{number}", healthy=number) for number in (3, 4)),
        node("n5", cordoned=True, product=A100),
        node("n6", healthy=0, product=A100),
    ]
    pods = [pod(f"train-{number}", f"n{number}", 6, namespace="research") for number in (1, 3, 4, 6)]
    waiting = [
        pod(f"waits-{number}", gpus=8, namespace="research", since=900 * number, refused=standing.REFUSED)
        for number in range(1, 9)
    ]
    return [*nodes, *pods, *waiting]


@contextmanager
def _simulated(
    objects: Sequence[Object], namespace: str = "", idle: Collection[str] = standing.IDLE
) -> Iterator[str]:
    """Yield the address of the page of a Lens that counts these, with a token."""
    with Loop() as loop, tempfile.TemporaryDirectory() as folder, Cluster(loop, objects) as cluster:
        assert cluster.agents is not None
        cluster.agents.idle |= set(idle)
        cluster.admit(TOKEN, EVERYTHING._replace(namespace=namespace))
        with Lens(cluster, Path(folder)) as lens:
            yield f"{lens.url}/#token={TOKEN}&/{f'?namespace={namespace}' if namespace else ''}"


@contextmanager
def _huge() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.yaml"
        tokens.write_text(f"tokens: [{{name: x, sha256: {hashlib.sha256(TOKEN.encode()).hexdigest()}}}]")
        args = ["--nodes", "5000", "--changes", "10", "--tokens", str(tokens)]
        with Process([sys.executable, "-m", "tests.bench.api.lens_server", *args]) as process:
            port = process.ready(deadline_s=120).line["port"]
            yield f"http://127.0.0.1:{port}/#token={TOKEN}"


def _fleet() -> list[Object]:
    """Return a fleet of two products that has run for days, with something idle, broken and waiting."""
    store = Store(FLEET_SEED)
    Fleet(store, datetime.now(UTC), FLEET_NODES, FLEET_SEED)
    nodes = [json.loads(revision.body) for revision in store.snapshot(NODES)]
    for each in nodes[::3]:
        each["metadata"]["labels"]["nvidia.com/gpu.product"] = A100
    by_name = {each["metadata"]["name"]: each for each in nodes}
    by_name["gpu-node-8"]["status"]["allocatable"][GPU] = "7"
    by_name["gpu-node-13"]["spec"]["unschedulable"] = True
    pods = [json.loads(revision.body) for revision in store.snapshot(PODS)]
    large = pod("ranker-pretrain-0", gpus=8, namespace="search", since=5_400, refused=REFUSED)
    large["spec"]["tolerations"] = [{"key": GPU, "operator": "Exists"}]
    waiting = [
        large,
        pod("quota-test-0", gpus=2, namespace="research", since=1_200, gates=("kueue.x-k8s.io/admission",)),
    ]
    held = [each for each in pods if GPU in each["spec"]["containers"][0]["resources"]["limits"]]
    return [*nodes, *held, *waiting]


def _living() -> AbstractContextManager[str]:
    """Return the fleet's context; one of its pods in nine does nothing."""
    objects = _fleet()
    pods = [each["metadata"]["name"] for each in objects if "containers" in each["spec"]]
    return _simulated(objects, idle=pods[::9])


SCENES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "standing": lambda: _simulated(standing.objects()),
    "empty": lambda: _simulated([]),
    "broken": lambda: _simulated(_broken()),
    "namespace": lambda: _simulated(standing.objects(), "research"),
    "huge": _huge,
    "fleet": _living,
}


def _open(browser: Browser, address: str, width: int, scheme: str) -> BrowserContext:
    """Return a browser's context with the page, once it is live."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHTS[width]},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    tab = Tab(context, address.partition("/#")[0])
    tab.page.goto(address)
    tab.expect_state("live")
    return context


def _take(browser: Browser, scenes: Sequence[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scene in scenes:
        with SCENES[scene]() as address:
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    context = _open(browser, address, width, scheme)
                    context.pages[0].wait_for_timeout(1000 * SETTLE_S)
                    path = FOLDER / f"page-{scene}-{width}-{scheme}.png"
                    context.pages[0].screenshot(path=path, full_page=True)
                    context.close()
                    print(path, flush=True)


def _take_for_readme(browser: Browser) -> None:
    with SCENES["fleet"]() as address:
        context = _open(browser, address, 1280, "light")
        context.pages[0].set_viewport_size({"width": 1280, "height": README_HEIGHT})
        context.pages[0].wait_for_timeout(1000 * TREND_S)
        README.parent.mkdir(parents=True, exist_ok=True)
        context.pages[0].screenshot(path=README)
        context.close()
    print(README, README.stat().st_size, "bytes")


def main() -> None:
    """Take what is asked for; all scenes by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--readme", action="store_true", help="the README's picture alone")
    arguments = parser.parse_args()
    if unknown := set(arguments.scenes) - set(SCENES):
        parser.error(f"no scene {', '.join(sorted(unknown))}")
    chromium = shutil.which("chromium")
    if chromium is None:
        parser.error("chromium is not on PATH (Debian's chromium)")
    expect.set_options(timeout=1000 * DEADLINE_S)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        if arguments.readme:
            _take_for_readme(browser)
        else:
            _take(browser, arguments.scenes or list(SCENES))
        browser.close()


if __name__ == "__main__":
    main()
