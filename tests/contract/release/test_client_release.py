"""`kubectl lens` as it is handed out: small, the same whoever makes it, and as krew wants it."""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from release import client, commit

VERSION = commit.version()
WHEEL = f"kubectl_lens-{VERSION}-py3-none-any.whl"
ARCHIVE = f"{client.PROGRAM}-{VERSION}.tar.gz"
HOME = "https://git.example.com/gpu/lens"
MADE = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all of it."""
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", str(int(MADE.timestamp())))
        client.wheel(commit.ROOT, folder)
        client.zipapp(commit.ROOT, folder / "kubectl-lens.pyz")
        client.krew(commit.ROOT, folder, HOME)
    return folder


@pytest.fixture(scope="module")
def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest for krew's index."""
    read: dict[str, Any] = yaml.safe_load((folder / "gpu-lens.yaml").read_text())
    return read


def run(*command: object) -> str:
    """Return what a program prints, with nothing of this environment's packages."""
    arguments = [str(each) for each in command]
    done = subprocess.run(
        arguments, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_the_client_alone_and_needs_two_packages(folder: Path) -> None:
    with zipfile.ZipFile(folder / WHEEL) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(f"kubectl_lens-{VERSION}.dist-info/METADATA").decode()
        scripts = wheel.read(f"kubectl_lens-{VERSION}.dist-info/entry_points.txt").decode()
    assert {name.split("/")[0] for name in names} == {"lens_client", f"kubectl_lens-{VERSION}.dist-info"}
    sources = {
        path.relative_to(commit.ROOT / "operator").as_posix()
        for path in (commit.ROOT / "operator" / "lens_client").rglob("*.py")
    }
    assert sources == {name for name in names if name.endswith(".py")}
    assert re.findall(r"^Requires-Dist: (\w+)", metadata, re.MULTILINE) == ["pyyaml", "websockets"]
    assert "kubectl-lens = lens_client.main:main" in scripts
    assert "kubectl_complete-lens = lens_client.completion:main" in scripts


def test_the_file_runs_by_itself_under_each_of_its_names(folder: Path, tmp_path: Path) -> None:
    program = folder / "kubectl-lens.pyz"
    assert run(sys.executable, "-I", program, "version", "--client") == f"Client: {VERSION}\n"
    assert run(sys.executable, "-I", program, "--help").count("kubectl lens") == 2
    for name, printed in (
        ("kubectl-lens", f"kubectl lens {VERSION}\n"),
        ("kubectl-gpu_lens", f"kubectl gpu-lens {VERSION}\n"),
    ):
        (tmp_path / name).symlink_to(program)
        assert run(sys.executable, "-I", tmp_path / name, "--version") == printed
    completing = tmp_path / "kubectl_complete-gpu_lens"
    completing.symlink_to(program)
    assert run(sys.executable, "-I", completing, "vers").startswith("version\t")


def test_the_file_has_its_bytecode_and_its_licenses(folder: Path) -> None:
    with zipfile.ZipFile(folder / "kubectl-lens.pyz") as program:
        names = set(program.namelist())
    sources = {name for name in names if name.endswith(".py") and name != "__main__.py"}
    assert {f"{name}c" for name in sources} <= names
    assert {name.split("/")[0] for name in names} == {
        "__main__.py", "lens_client", "licenses", "websockets", "yaml"
    }  # fmt: skip
    assert {name for name in names if name.startswith("licenses/")} == {
        "licenses/lens", "licenses/PyYAML", "licenses/websockets"
    }  # fmt: skip
    # It imports the bytecode: zipimport takes it before the source.
    origin = run(
        sys.executable,
        "-I",
        "-c",
        f"""
import sys; sys.path.insert(0, {str(folder / "kubectl-lens.pyz")!r})
import lens_client.main; print(lens_client.main.__spec__.loader.get_filename("lens_client.main"))
import websockets.client, yaml; print(yaml.__with_libyaml__)
""",
    )
    assert origin.splitlines()[0].endswith("kubectl-lens.pyz/lens_client/main.pyc")
    assert origin.splitlines()[1] == "False"


def test_a_python_of_another_version_takes_the_sources(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "kubectl-lens.pyz"
    with zipfile.ZipFile(folder / "kubectl-lens.pyz") as program, zipfile.ZipFile(other, "w") as copy:
        for name in program.namelist():
            content = program.read(name)
            copy.writestr(name, b"\x01\x02\r\n" + content[4:] if name.endswith(".pyc") else content)
    assert run(sys.executable, "-I", other, "version", "--client") == f"Client: {VERSION}\n"


def test_a_python_that_is_too_old_says_so(folder: Path) -> None:
    with zipfile.ZipFile(folder / "kubectl-lens.pyz") as program:
        first = program.read("__main__.py").decode()
    script = f"import sys; sys.version_info = (3, 9, 1); exec({first!r})"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "kubectl lens: it needs Python 3.11 or later, and python3 is 3.9\n"


def test_it_is_the_same_whoever_makes_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(MADE.timestamp())))
    client.wheel(commit.ROOT, tmp_path)
    client.krew(commit.ROOT, tmp_path, HOME)
    for name in (WHEEL, ARCHIVE, "gpu-lens.yaml"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_without_an_address_there_is_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(MADE.timestamp())))
    client.krew(commit.ROOT, tmp_path, "")
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_the_manifest_is_as_krew_validates_it(manifest: dict[str, Any]) -> None:
    # krew, internal/index/validation/validate.go and cmd/validate-krew-manifest
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert manifest["kind"] == "Plugin"
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    assert re.fullmatch(r"[a-z][a-z0-9-]*", name)
    assert f"{name}.yaml" == "gpu-lens.yaml"
    assert re.fullmatch(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", spec["version"])
    assert spec["homepage"].startswith("https://")
    assert spec["description"].strip()
    (platform,) = spec["platforms"]
    assert platform["uri"].startswith("https://")
    assert platform["uri"].endswith((".tar.gz", ".zip"))
    assert re.fullmatch(r"[0-9a-f]{64}", platform["sha256"])
    for operation in platform["files"]:
        assert operation["from"]
        assert operation["to"]
        assert ".." not in operation["from"] + operation["to"]
    (expression,) = platform["selector"]["matchExpressions"]
    assert (expression["key"], expression["operator"]) == ("os", "In")
    assert set(expression["values"]) <= {"darwin", "linux", "windows"}


def test_the_manifest_is_as_krews_guides_want_it(manifest: dict[str, Any]) -> None:
    # Its guides on names and on best practices: no "kube", and at most 50 characters without a full stop.
    short = manifest["spec"]["shortDescription"]
    assert len(short) <= 50
    assert not short.endswith(".")
    assert "\n" not in short
    assert not re.search("kube|plugin", f"{manifest['metadata']['name']} {short}", re.IGNORECASE)


def test_the_manifests_archive_is_the_one_that_is_made(folder: Path, manifest: dict[str, Any]) -> None:
    (platform,) = manifest["spec"]["platforms"]
    archive = folder / platform["uri"].rpartition("/")[2]
    content = archive.read_bytes()
    assert hashlib.sha256(content).hexdigest() == platform["sha256"]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = {member.name: member for member in tar.getmembers()}
        assert all(member.isfile() for member in members.values())
        program = tar.extractfile(platform["bin"])
        assert program is not None
        assert program.read() == (folder / "kubectl-lens.pyz").read_bytes()
    assert {operation["from"] for operation in platform["files"]} == members.keys()
    assert members[platform["bin"]].mode & 0o111
    # kubectl finds gpu-lens as this program.
    assert platform["bin"] == "kubectl-" + manifest["metadata"]["name"].replace("-", "_")


def test_the_wheel_alone_says_which_package_it_lacks(folder: Path, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("current-context: a\n")
    path = f"sys.path.insert(0, {str(folder / WHEEL)!r})"
    program = f"import sys; {path}; from lens_client.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, "nodes", "--kubeconfig", str(kubeconfig)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "kubectl lens: this takes the Python package PyYAML: install it beside kubectl-lens, or use "
        "kubectl-lens.pyz\n"
    )
