"""Tab after `kubectl lens`: what kubectl gets from kubectl_complete-lens."""

import subprocess
import sys
from pathlib import Path

import pytest

from lens_client.commands import COMMANDS
from tests.integration.client.conftest import Operator
from tests.integration.client.scene import CLUSTER, DEADLINE_S, Scene, environment

NO_FILES = ":4"


def complete(*words: object, **variables: str) -> tuple[list[str], str]:
    """Return the choices without their descriptions, and the directive. It never says anything else."""
    done = subprocess.run(
        [sys.executable, "-c", "from lens_client.completion import main; main()", *map(str, words)],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stderr == ""
    *choices, directive = done.stdout.splitlines()
    return [choice.partition("\t")[0] for choice in choices], directive


def test_commands_with_what_they_do() -> None:
    assert complete("") == (list(COMMANDS), NO_FILES)
    assert complete("ver") == (["version"], NO_FILES)
    assert complete("-n", "ml", "ver") == (["version"], NO_FILES)
    assert complete() == (list(COMMANDS), NO_FILES)
    assert complete("nonsense", "") == ([], NO_FILES)
    assert complete("\x1b[2J", "") == ([], NO_FILES)


@pytest.mark.parametrize("command", COMMANDS)
def test_flags_of_each_command(command: str) -> None:
    flags, directive = complete(command, "--")
    assert {"--context", "--kubeconfig", "--server", "--max-age", "--help"} <= set(flags)
    assert directive == NO_FILES


def test_an_option_without_effect_is_no_choice() -> None:
    """`nodes` takes `-n`, as `kubectl get nodes` does, and ignores it."""
    flags, _ = complete("nodes", "--")
    assert {"--namespace", "--all-namespaces"}.isdisjoint(flags)
    assert {"--namespace", "--all-namespaces"} <= set(complete("tasks", "--")[0])


def test_who_reads_no_further_or_has_few_characters_gets_no_traceback() -> None:
    command = [sys.executable, "-c", "from lens_client.completion import main; main()", "nodes", "--"]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as unread:
        assert unread.stdout is not None
        unread.stdout.close()
        assert unread.stderr is not None
        assert unread.stderr.read() == b""
    assert unread.returncode == 0
    few = environment(PYTHONIOENCODING="ascii")
    done = subprocess.run(command, env=few, capture_output=True, timeout=DEADLINE_S, check=True)
    assert (done.stderr, done.stdout.isascii()) == (b"", True)
    assert b"\n--output\t" in done.stdout


def test_values_of_options(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    given = ("--kubeconfig", kubeconfig)
    assert complete("nodes", *given, "--context", "") == (["sim"], NO_FILES)
    assert complete("nodes", *given, "--context=s") == (["--context=sim"], NO_FILES)
    assert complete("nodes", *given, "--cluster", "") == ([CLUSTER], NO_FILES)
    assert complete("nodes", "--kubeconfig", "") == ([], ":0")
    assert complete("nodes", *given, "-o", "j") == (["json", "jsonpath="], NO_FILES)
    namespaces, _ = complete("tasks", *given, "-n", "")
    assert "ml-team" in namespaces
    assert complete(*given, "-n", "ml-t")[0] == ["ml-team"]


def test_operands(scene: Scene, lens: Operator, kubeconfig: Path) -> None:
    given = ("--kubeconfig", kubeconfig)
    nodes, directive = complete("gpu", *given, "")
    assert (len(nodes), directive) == (4, NO_FILES)
    assert complete("gpu", nodes[1][:-1], *given) == ([], NO_FILES) or complete("gpu", nodes[1], "") == (
        [],
        NO_FILES,
    )
    pods, _ = complete("why", *given, "-n", "ml-team", "pod/")
    assert pods
    assert all(pod.startswith("pod/") for pod in pods)


def test_what_can_not_be_asked_is_no_choice_and_no_word(tmp_path: Path) -> None:
    assert complete("gpu", "--server", "http://127.0.0.1:1", "") == ([], NO_FILES)
    assert complete("gpu", "", HOME=str(tmp_path)) == ([], NO_FILES)
