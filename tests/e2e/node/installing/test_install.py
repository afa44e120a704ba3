"""Installed as the documents say, Lens answers within seconds, and uninstalled it leaves nothing."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.cluster.control_plane import REPOSITORY
from tests.e2e.node.commands import Commands, eventually, run
from tests.e2e.node.host import images
from tests.e2e.node.host.gpus import COUNT, Gpus
from tests.e2e.node.host.machine import Machine
from tests.e2e.node.objects import Key, snapshot
from tests.e2e.node.release import CLUSTER, STATUS, Release, binding, fast, token

README = REPOSITORY / "README.md"
INSTALL = REPOSITORY / "docs" / "install.md"
REGISTRY = "registry.example.com/gpu/lens"
SOONEST_S = 20  # from `helm install` to the first right answer


@pytest.fixture(scope="module", autouse=True)
def namespace(commands: Commands, machine: Machine, gpus: Gpus) -> None:
    """Have the namespace, which Helm leaves, and the image under the name that the documents give it."""
    machine.ctr(
        "images", "tag", "--force", f"docker.io/library/{images.LENS}", f"{REGISTRY}:{images.VERSION}"
    )
    commands.kubectl("apply", "-f", "-", stdin="{apiVersion: v1, kind: Namespace, metadata: {name: lens}}")
    commands.kubectl(
        "-n", "lens", "wait", "--for=create", "serviceaccount/default", "configmap/kube-root-ca.crt"
    )


@contextmanager
def nothing_left(commands: Commands) -> Iterator[None]:
    """Compare all objects of all resources before and after."""

    def all_objects() -> set[Key]:
        return asyncio.run(snapshot(commands.kubeconfig))

    before = all_objects()
    yield
    eventually(lambda: all_objects() == before, "state as before", every_s=1)


def _blocks(document: Path, section: str) -> list[str]:
    """Return the shell blocks of a section of a document."""
    text = document.read_text().split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```bash\n(.*?)```", text, re.DOTALL)


def _shell(commands: Commands, script: str) -> str:
    """Run lines as somebody pastes them, and end what they leave in the background."""
    ended = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nset -e\n"
    return run(["bash", "-c", ended + script], commands.environment, cwd=REPOSITORY)


def test_the_first_right_answer_comes_within_seconds(commands: Commands, gpus: Gpus) -> None:
    release = Release(commands, fast(gpus.values()))
    commands.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "first", "namespace": "default"}}
    )
    commands.apply(binding("first"))
    headers = {"Authorization": f"Bearer {token(commands, 'first', 'default')}"}
    with nothing_left(commands):
        start = time.monotonic()
        release.install("--wait=hookOnly")

        def right() -> bool:
            try:
                answer = requests.get(
                    release.address() + STATUS, params={"cluster": CLUSTER}, headers=headers, timeout=1
                )
            except requests.RequestException:
                return False
            return (
                answer.status_code == 200
                and answer.json()["data"]["current_gpu_usage"]["total_gpus"] == COUNT
            )

        eventually(right, "right answer", every_s=0.05)
        seconds = time.monotonic() - start
        print(f"\n  helm install to the first right answer: {seconds:.1f} s", end="")
        release.uninstall()
    assert seconds <= SOONEST_S


def test_the_readmes_lines_install_it_and_ask_it(commands: Commands) -> None:
    _, install, ask, *_ = _blocks(README, "Install it")
    with nothing_left(commands):
        try:
            _shell(commands, install)
            answer = _answer(_shell(commands, ask))
        finally:
            Release(commands, {}).uninstall()
        _forget_reader(commands)
    assert answer["data"]["current_gpu_usage"]["total_gpus"] == COUNT


def test_the_documents_lines_install_it_and_ask_it(commands: Commands) -> None:
    install, ask, check, *_ = _blocks(INSTALL, "Install")
    with nothing_left(commands):
        try:
            said = _shell(commands, install)
            assert re.search(r"Phase:\s+Succeeded", said), said
            answer = _answer(_shell(commands, ask))
            total, allocated = map(int, _shell(commands, check).split())
        finally:
            Release(commands, {}).uninstall()
        _forget_reader(commands)
    usage = answer["data"]["current_gpu_usage"]
    assert (total, allocated) == (usage["total_gpus"], usage["allocated_gpus"]) == (COUNT, 0)


def test_the_notes_lines_work_as_they_are_pasted(commands: Commands, gpus: Gpus) -> None:
    release = Release(commands, fast(gpus.values()))
    with nothing_left(commands), release.installed() as notes:
        lines = [line for line in notes.splitlines() if line.startswith("  ")]
        said = _shell(commands, "\n".join(lines))
        assert _answer(said)["data"]["current_gpu_usage"]["total_gpus"] == COUNT
        assert "lens-agent" in said
        _forget_reader(commands)


@pytest.mark.parametrize("helm", [3, 4])
def test_each_helm_installs_upgrades_rolls_back_tests_and_uninstalls(
    commands: Commands, gpus: Gpus, helm: int
) -> None:
    release = Release(commands, fast(gpus.values()))
    with nothing_left(commands), release.installed(helm=helm):
        release.upgrade("--set", "operator.replicas=1", helm=helm)
        release.helm("rollback", "--wait", version=helm)
        said = release.helm("test", version=helm)
        assert re.search(r"Phase:\s+Succeeded", said), said
        eventually(lambda: len(release.pods("operator")) == 2, "two replicas as before")


def _answer(said: str) -> dict[str, Any]:
    """Return the one JSON document among what lines have printed."""
    answer: dict[str, Any] = json.JSONDecoder().raw_decode(said[said.index("{") :])[0]
    assert answer["meta"]["code"] == 2000
    return answer


def _forget_reader(commands: Commands) -> None:
    """Delete what the lines made for whoever pasted them."""
    commands.kubectl("-n", "lens", "delete", "serviceaccount", "lens-reader")
    commands.kubectl("delete", "clusterrolebinding", "lens-reader")
