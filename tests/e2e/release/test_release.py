"""`make release` whole: all of its files, the same for everybody who makes them from one commit."""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from release import commit
from tests.e2e.cluster.control_plane import DIRECTORY
from tests.e2e.cluster.programs import binaries
from tests.e2e.release import image
from tests.e2e.release.image import Image


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository whose one commit is this tree."""
    folder = tmp_path / "repository"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=commit.ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (commit.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(commit.ROOT / name, folder / name)
    identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com"]
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=All"]):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)
    return folder


def test_whoever_makes_a_release_again_gets_the_same_files(repository: Path, tmp_path: Path) -> None:
    binaries.build(DIRECTORY / "bin", binaries.HELM)
    options = [f"--helm={DIRECTORY / 'bin' / 'helm'}", *image.build_options()]
    for name in ("first", "second"):
        image.run(sys.executable, "-m", "release", f"--folder={tmp_path / name}", *options, folder=repository)
    image.forget()
    first, second = (tmp_path / name / "SHA256SUMS" for name in ("first", "second"))
    assert first.read_text() == second.read_text()
    version = commit.version()
    wheel, chart, archive = (
        next((tmp_path / "first").glob(pattern))
        for pattern in ("lens_operator-*.whl", f"lens-{version}.tgz", "*-image-*.tar")
    )
    assert sorted(path.name for path in first.parent.iterdir()) == sorted(
        [
            "SHA256SUMS",
            wheel.name,
            f"lens_operator-{version}.tar.gz",
            chart.name,
            archive.name,
            f"lens-{version}.cdx.json",
            f"kubectl_lens-{version}-py3-none-any.whl",
            f"kubectl-gpu_lens-{version}.tar.gz",
            "kubectl-lens.pyz",
        ]
    )
    with tarfile.open(chart) as packed:
        assert "lens/templates/NOTES.txt" in packed.getnames()
        assert not [name for name in packed.getnames() if name.startswith("lens/ci/")]
    labels = Image.read(archive).configuration["config"]["Labels"]
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == head
    bill = json.loads((first.parent / f"lens-{version}.cdx.json").read_text())
    assert bill["specVersion"] == "1.6"
