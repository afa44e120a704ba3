"""What Helm prints after an install, and what the documents tell to type, can be pasted."""

import re
import shlex
from pathlib import Path

import pytest

from tests.chart.files import CHART
from tests.programs.chart.helm import Helm

CI = CHART / "ci"


def notes(helm: Helm, values: str, *more: str, release: str = "lens") -> str:
    """Return the notes, without the line breaks that only they have."""
    printed = helm.run(
        *("install", release, str(CHART), "--namespace", "gpus", "--dry-run=client"),
        *("--values", str(CI / f"{values}.yaml"), *more),
    )
    return printed.partition("NOTES:\n")[2]


def test_the_lines_name_what_was_installed(helm4: Helm) -> None:
    lines = [line.strip() for line in notes(helm4, "default", release="prod").splitlines()]
    assert "kubectl --namespace gpus port-forward service/prod-lens-api 8080:80 &" in lines
    assert "TOKEN=$(kubectl --namespace gpus create token lens-reader)" in lines
    assert any("--clusterrole=prod-lens-viewer --serviceaccount=gpus:lens-reader" in line for line in lines)
    (curl,) = (line for line in lines if line.startswith("curl"))
    assert curl.endswith('"http://127.0.0.1:8080/api/v1/realtime/status?cluster=prod-cluster"')
    assert "kubectl --namespace gpus get daemonset prod-lens-agent" in lines


def test_the_notes_name_static_tokens_and_https(helm4: Helm) -> None:
    told = notes(helm4, "static-auth")
    assert "clusterrolebinding" not in told
    assert "8080:443" in told
    assert re.search(r"curl --insecure .*https://127\.0\.0\.1:8080", told)


def test_secrets_that_are_still_to_be_made_are_named_for_each_namespace(helm4: Helm) -> None:
    told = notes(helm4, "existing-secret")
    assert "kubectl --namespace gpus get secret agents" in told
    assert "kubectl --namespace lens-agent get secret agents" in told
    assert "get secret" not in notes(helm4, "operator-only")


def test_each_install_of_the_documents_is_whole(helm4: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    root = CHART.parents[1]
    monkeypatch.chdir(root)
    documents: list[Path] = [root / "README.md", CHART / "README.md", *(root / "docs").glob("*.md")]
    commands = [
        shlex.split(command.replace("\\\n", " "), comments=True)
        for document in documents
        for command in re.findall(r"^helm (install (?:.*\\\n)*.*)$", document.read_text(), re.MULTILINE)
    ]
    assert len(commands) >= 5
    for command in commands:
        helm4.run(*command, "--dry-run=client")
