"""What is handed out: packages with all that they need and no more, made the same way by anybody."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import commit, files, sbom

VERSION = commit.version()
WHEEL = f"lens_operator-{VERSION}-py3-none-any.whl"
SDIST = f"lens_operator-{VERSION}.tar.gz"
LOCK = commit.ROOT / "requirements" / "lens.txt"
MADE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all be of one moment, whatever git says here."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(MADE.timestamp())))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree in which somebody has worked."""
    folder = tmp_path_factory.mktemp("tree")
    for name in (".gitignore", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(commit.ROOT / name, folder)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(commit.ROOT / "operator", folder / "operator", ignore=ignored)
    left_behind = (
        "operator/lens/__pycache__/app.pyc",
        "tests/test_app.py",
        ".cluster/state.json",
        "kubeconfig",
    )
    for name in left_behind:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.fixture(scope="module")
def packages(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with wheel and sdist."""
    folder = tmp_path_factory.mktemp("packages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(MADE.timestamp())))
        files.python_packages(tree, folder)
    return folder


def sources(tree: Path) -> set[str]:
    """Return the packages' files, as paths below ``operator``."""
    return {
        str(path.relative_to(tree / "operator"))
        for package in ("lens", "lens_client", "lens_sim")
        for path in (tree / "operator" / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_the_package_with_its_types_and_c_sources_and_nothing_else(
    tree: Path, packages: Path
) -> None:
    with zipfile.ZipFile(packages / WHEEL) as wheel:
        names = set(wheel.namelist())
    info = f"lens_operator-{VERSION}.dist-info"
    about = {
        f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert names == sources(tree) | about
    assert {"lens/py.typed", "lens_sim/node/nvml/device.c", "lens_sim/node/nvml/abi.h"} <= names


def test_the_sdist_has_what_builds_the_same_wheel_and_nothing_else(
    tree: Path, packages: Path, tmp_path: Path
) -> None:
    top = f"lens_operator-{VERSION}"
    with tarfile.open(packages / SDIST) as sdist:
        names = {name.removeprefix(f"{top}/") for name in sdist.getnames()}
        sdist.extractall(tmp_path, filter="data")
    about = {"PKG-INFO", "pyproject.toml", ".gitignore", "README.md", "CHANGELOG.md", "LICENSE"}
    assert names == {f"operator/{name}" for name in sources(tree)} | about
    files.python_packages(tmp_path / top, tmp_path / "again")
    assert (tmp_path / "again" / WHEEL).read_bytes() == (packages / WHEEL).read_bytes()


def test_packages_are_the_same_whenever_and_wherever_they_are_built(
    tree: Path, packages: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tree, elsewhere)
    for path in elsewhere.rglob("*"):
        os.utime(path, (1, 1))
    files.python_packages(elsewhere, tmp_path / "packages")
    for name in (WHEEL, SDIST):
        assert (tmp_path / "packages" / name).read_bytes() == (packages / name).read_bytes(), name


def test_the_chart_is_of_the_same_version() -> None:
    chart = yaml.safe_load((commit.ROOT / "charts" / "lens" / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


def test_the_changelog_has_the_version_or_unreleased() -> None:
    headings = re.findall(r"^## (\S+)", (commit.ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] in {"Unreleased", VERSION}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return the bill of materials."""
    text = sbom.document(VERSION, LOCK.read_text(), MADE)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    read: dict[str, Any] = json.loads(text)
    return read


def test_the_bill_of_materials_has_each_locked_requirement_with_its_files_hashes(
    document: Mapping[str, Any],
) -> None:
    lock = LOCK.read_text()
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    pins = [line.split(" ")[0] for line in lines if not line.startswith(" ")]
    assert sorted(each["bom-ref"] for each in document["components"]) == sorted(pins)
    told = [each["content"] for component in document["components"] for each in component["hashes"]]
    assert len(told) == sum("--hash" in line for line in lines)
    assert all(f"sha256:{each}" in lock for each in told)
    lens = document["metadata"]["component"]
    assert (lens["name"], lens["version"]) == ("lens-operator", VERSION)


def test_the_bill_of_materials_has_the_license_of_all_that_runs_here(document: Mapping[str, Any]) -> None:
    unknown = {each["name"] for each in document["components"] if not each.get("licenses")}
    assert unknown <= {each["name"] for each in document["components"] if each["scope"] == "optional"}


def test_the_bill_of_materials_says_what_each_is_needed_for(document: Mapping[str, Any]) -> None:
    needed = {each["ref"]: set(each.get("dependsOn", ())) for each in document["dependencies"]}
    reached, open_ = set(), [f"lens-operator=={VERSION}"]
    while open_:
        reference = open_.pop()
        if reference not in reached:
            reached.add(reference)
            open_ += needed[reference]
    required = {each["bom-ref"] for each in document["components"] if each["scope"] == "required"}
    assert required <= reached


def test_the_bill_of_materials_has_the_libraries_of_the_page() -> None:
    page = (commit.ROOT / "requirements" / "page.json").read_text()
    text = sbom.document(VERSION, LOCK.read_text(), MADE, page)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    read = json.loads(text)
    found = {each["purl"]: each for each in read["components"] if each["purl"].startswith("pkg:npm/")}
    pins = json.loads(page)["packages"]
    assert sorted(each["name"] for each in found.values()) == sorted(pin["name"] for pin in pins)
    assert "pkg:npm/%40preact/signals-core@" in "".join(found)
    assert all(each["licenses"] and each["hashes"][0]["alg"] == "SHA-512" for each in found.values())
    needed = {each["ref"]: each.get("dependsOn", []) for each in read["dependencies"]}
    assert {each["bom-ref"] for each in found.values()} <= set(needed[f"lens-operator=={VERSION}"])


def test_a_requirement_without_a_hash_is_named() -> None:
    with pytest.raises(sbom.LockError, match="aiohttp: no exact version or no hash"):
        sbom.document(VERSION, "aiohttp==3.14.5\n", MADE)


def test_checksums_are_what_sha256sum_checks(packages: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    shutil.copytree(packages, folder)
    files.checksums(folder)
    check = ["sha256sum", "--check", "--strict", files.SUMS]
    told = subprocess.run(check, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert told.splitlines() == [f"{WHEEL}: OK", f"{SDIST}: OK"]
    (folder / WHEEL).write_bytes(b"another")
    assert subprocess.run(check, cwd=folder, check=False, capture_output=True).returncode == 1


class Tools:
    """Stands for docker, podman and buildah: programs that write down what they are asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "git").symlink_to(shutil.which("git") or "git")

    def add(self, name: str, works: bool) -> None:
        """Install one, whose `info` fails unless it works."""
        program = self.folder / name
        status = 0 if works else 1
        program.write_text(
            f'#!/bin/sh\n[ "$1" = info ] && exit {status}\necho "{name} $*" >> {self.folder}/asked\n'
        )
        program.chmod(0o755)

    def image(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python3 -m release.image`."""
        return subprocess.run(
            [sys.executable, "-m", "release.image", *arguments],
            cwd=commit.ROOT,
            env={"PATH": str(self.folder), "SOURCE_DATE_EPOCH": "1767312000"},
            check=False,
            capture_output=True,
            text=True,
        )

    @property
    def asked(self) -> list[str]:
        """What they were asked, but for `info`."""
        return (self.folder / "asked").read_text().splitlines()


def test_a_docker_client_without_its_daemon_leaves_the_image_to_the_next_tool(tmp_path: Path) -> None:
    tools = Tools(tmp_path / "bin")
    tools.add("docker", works=False)
    tools.add("podman", works=True)
    archive = tmp_path / "out" / "lens.tar"
    done = tools.image("--base=mirror/python:3", f"--archive={archive}", "--build-flags=--network host")
    assert done.returncode == 0, done.stderr
    build, push = tools.asked
    assert build.startswith(f"podman build --tag lens:{VERSION} --timestamp 1767312000 ")
    for told in (f"VERSION={VERSION}", "CREATED=2026-01-02T00:00:00Z", "BASE=mirror/python:3"):
        assert f"--build-arg {told} " in build
    assert build.endswith(f"--network host {commit.ROOT}")
    assert push == f"podman push lens:{VERSION} docker-archive:{archive}:lens:{VERSION}"


def test_docker_is_asked_only_what_it_knows(tmp_path: Path) -> None:
    tools = Tools(tmp_path / "bin")
    tools.add("docker", works=True)
    done = tools.image("--image=registry/lens:1", f"--archive={tmp_path}/lens.tar")
    assert done.returncode == 0, done.stderr
    build, save = tools.asked
    assert build.startswith("docker build --tag registry/lens:1 --build-arg SOURCE_DATE_EPOCH=1767312000 ")
    assert "BASE=" not in build
    assert save == f"docker save --output {tmp_path}/lens.tar registry/lens:1"


def test_without_a_tool_all_are_named(tmp_path: Path) -> None:
    tools = Tools(tmp_path / "bin")
    tools.add("docker", works=False)
    done = tools.image()
    assert done.returncode == 1
    assert done.stderr.startswith("image: none of docker, podman, buildah is there and works")


def test_a_tool_that_fails_fails_the_build(tmp_path: Path) -> None:
    tools = Tools(tmp_path / "bin")
    tools.add("buildah", works=True)
    (tools.folder / "buildah").write_text('#!/bin/sh\n[ "$1" = info ] || exit 125\n')
    done = tools.image()
    assert done.returncode == 1
    assert "image: buildah build ended with 125" in done.stderr


def test_a_time_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(commit.CommitError, match="SOURCE_DATE_EPOCH: 'yesterday' is no number of seconds"):
        commit.epoch()


def release_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m release` of another tree."""
    return subprocess.run(
        [sys.executable, "-m", "release", *arguments], cwd=folder, check=False, capture_output=True, text=True
    )


@pytest.fixture
def repository(tree: Path, tmp_path: Path) -> Path:
    """Return a repository with one commit."""
    folder = tmp_path / "repository"
    shutil.copytree(tree, folder)
    shutil.copytree(commit.ROOT / "release", folder / "release")
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=All"]):
        identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)
    return folder


def test_what_is_in_no_commit_is_not_released(repository: Path) -> None:
    (repository / "operator" / "lens" / "app.py").write_text("")
    done = release_in(repository)
    assert done.returncode == 1
    assert (
        done.stderr == "release: a release is made from a commit, and the tree has more: see `git status`\n"
    )
    assert not (repository / "dist").exists()


def test_two_releases_are_not_mixed(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "lens_operator-0.0.1-py3-none-any.whl").write_text("")
    done = release_in(repository, f"--folder={tmp_path / 'dist'}")
    assert done.returncode == 1
    assert done.stderr == f"release: {tmp_path / 'dist'} has files already: remove them first\n"


def test_a_missing_helm_is_named(repository: Path, tmp_path: Path) -> None:
    done = release_in(repository, f"--folder={tmp_path / 'dist'}", "--helm=/no/helm")
    assert done.returncode == 1
    assert done.stderr == "release: /no/helm is not there: install it, or say where it is\n"
