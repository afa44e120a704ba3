"""The scene of the client's tests: an apiserver and a `lens serve` that watches it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import operator
from tests.integration.client.scene import CLUSTER, Loop, Scene
from tests.integration.operator import LISTENING, Command, get, wait_for


class Operator:
    """The `lens serve` of the tests: where it listens, and whom it has served."""

    def __init__(self, process: Command, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.address = host, int(port)
        self.url = f"http://{address}"
        self._process = process

    def callers(self) -> list[str | None]:
        """Return who asked for the status, in the order of the requests; None for who was refused."""
        written = self._process.text.rpartition("\n")[0].splitlines()
        lines = [json.loads(line) for line in written if line.startswith("{")]
        return [
            line["caller"]
            for line in lines
            if line["event"] == "request" and line["route"] == "/api/v1/realtime/status"
        ]


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """Give the loop of all servers."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture(scope="session")
def whole_scene(tmp_path_factory: pytest.TempPathFactory, loop: Loop) -> Iterator[Scene]:
    """Give the one scene."""
    scene = Scene(tmp_path_factory.mktemp("client"), loop)
    yield scene
    loop.run(scene.http.stop())
    loop.run(scene.https.stop())


@pytest.fixture(scope="session")
def lens(whole_scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Give the Lens that watches the scene's cluster, once it is ready."""
    folder = tmp_path_factory.mktemp("serve")
    kubeconfig = whole_scene.kubeconfig(name="kubeconfig-of-lens")
    env = operator.environment(
        cluster=CLUSTER, listen="127.0.0.1:0", kubeconfig=str(kubeconfig), auth="kubernetes"
    )
    with Command(["serve"], folder / "log", env, forked=True) as process:
        found = Operator(process, process.wait_for_match(LISTENING)[1])
        wait_for(lambda: get(f"{found.url}/readyz")[0] == 200, "readiness")
        yield found


@pytest.fixture
def scene(whole_scene: Scene) -> Scene:
    """Give the scene as it was at first: nobody has lost a right, and no pod is a Lens."""
    whole_scene.start_over()
    return whole_scene


@pytest.fixture
def kubeconfig(scene: Scene, lens: Operator) -> Path:
    """Give a kubeconfig with jane's token, in whose cluster a pod is the Lens."""
    scene.add_pod("lens/lens-0", lens.address)
    return scene.kubeconfig()
