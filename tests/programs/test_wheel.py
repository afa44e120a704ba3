"""The wheel runs where it is installed with what is locked, which comes from the package index."""

import subprocess
import sys
from pathlib import Path

import pytest

from release import commit, files

VERSION = commit.version()
WHEEL = f"lens_operator-{VERSION}-py3-none-any.whl"
LOCK = commit.ROOT / "requirements" / "lens.txt"


def test_the_wheel_runs_on_the_locked_requirements_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767312000")
    packages = tmp_path / "packages"
    packages.mkdir()
    files.python_packages(commit.ROOT, packages)
    venv, uv = tmp_path / "venv", str(Path(sys.executable).with_name("uv"))

    def run(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout

    def lens(*arguments: str) -> str:
        return run(str(venv / "bin" / "lens"), *arguments)

    run(uv, "venv", "--python", sys.executable, str(venv))
    install = [uv, "pip", "install", "--python", str(venv), "--no-deps"]
    run(*install, "--require-hashes", "--requirements", str(LOCK))
    run(*install, "--offline", str(packages / WHEEL))
    run(uv, "pip", "check", "--python", str(venv))
    assert lens("--version") == f"lens {VERSION}\n"
    assert lens("version", "--client") == f"Client: {VERSION}\n"
    assert run(str(venv / "bin" / "kubectl-lens"), "version", "--client") == f"Client: {VERSION}\n"
    assert "--cluster" in lens("serve", "--help")
    assert "--node" in lens("agent", "--help")
