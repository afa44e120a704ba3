"""`-l` chooses by the labels of the apiserver's objects, with the user's own rights."""

import json
from pathlib import Path

from tests.integration.client.conftest import Operator
from tests.integration.client.scene import CLUSTER, TOKEN, fails, run


def names(*arguments: object) -> set[str]:
    """Return the names that a command lists."""
    done = run(*arguments, "-o", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    return {row.get("node_name") or row["pod_name"] for row in document.get("nodes", document.get("tasks"))}


def test_nodes_are_chosen_by_their_labels(kubeconfig: Path) -> None:
    everything = names("nodes", "--kubeconfig", kubeconfig)
    one = sorted(everything)[0]
    assert names("nodes", "--kubeconfig", kubeconfig, "-l", f"kubernetes.io/hostname={one}") == {one}
    assert names(
        "nodes", "--kubeconfig", kubeconfig, "-l", f"kubernetes.io/hostname!={one}"
    ) == everything - {one}
    assert names("nodes", "--kubeconfig", kubeconfig, "-l", "nobody/has=this") == set()


def test_a_selector_that_is_none_is_refused_by_the_apiserver(kubeconfig: Path) -> None:
    assert "list nodes" in fails("nodes", "--kubeconfig", kubeconfig, "-l", "a==b==c")


def test_labels_take_a_kubeconfig(lens: Operator) -> None:
    said = fails("nodes", "--server", lens.url, "--token", TOKEN, "-l", "a=b", "--cluster", CLUSTER, status=2)
    assert said.startswith("-l")
