"""`kubectl lens` as a wheel, as a file that runs on any Python, and as an archive of that file for krew.

The file is a zip with the packages' sources and, for the Python that made it, their bytecode: other Pythons
compile the sources at each start. What is in C there (for YAML, for masking) is left out: both do without.
"""

import gzip
import hashlib
import importlib.metadata
import importlib.util
import io
import marshal
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from release import commit
from release.files import FileError

BUNDLED = ("PyYAML", "websockets")
"""What the client imports, in pure Python; `requirements/lens.txt` locks them."""

KREW_NAME = "gpu-lens"
"""The name in krew's index: "lens" is another product's."""

PROGRAM = "kubectl-gpu_lens"
"""The program of that name, as kubectl looks for it."""

_MAIN = Path(__file__).with_name("client_main.py")
_STARTED = (1980, 1, 1, 0, 0, 0)


def wheel(tree: Path, folder: Path) -> None:
    """Build the wheel of a tree's client into ``folder``, the same each time. Raise FileError."""
    with tempfile.TemporaryDirectory(prefix="lens-client-") as path:
        project = Path(path)
        shutil.copy(tree / "release" / "kubectl-lens.toml", project / "pyproject.toml")
        shutil.copy(tree / "LICENSE", project)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tree / "operator" / "lens_client", project / "lens_client", ignore=ignored)
        # Not on its path (-P), or coverage takes the copy for the package.
        command = [sys.executable, "-P", "-m", "hatchling", "build", "--target", "wheel"]
        done = subprocess.run(  # noqa: S603
            [*command, "--directory", str(folder.resolve())],
            cwd=project,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(commit.epoch())},
            check=False,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise FileError(f"hatchling ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def zipapp(tree: Path, path: Path) -> None:
    """Write the file that runs on any Python, the same each time. Raise FileError."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, "__main__.py", _MAIN.read_bytes())
        for name, data in _files(tree):
            _write(archive, name, data)
            if name.endswith(".py"):
                _write(archive, f"{name}c", _bytecode(name, data))
    path.write_bytes(b"#!/usr/bin/env python3\n" + content.getvalue())
    path.chmod(0o755)


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _STARTED)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(entry, data)


def _files(tree: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, in order."""
    operator = tree / "operator"
    for path in sorted((operator / "lens_client").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(operator).as_posix(), path.read_bytes()
    yield "licenses/lens", (tree / "LICENSE").read_bytes()
    for package in BUNDLED:
        yield from _installed(package)


def _installed(package: str) -> Iterator[tuple[str, bytes]]:
    """Yield the Python files of an installed package, and its license. Raise FileError."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise FileError(f"{package} is not installed: run `make dev`") from None
    found = {
        file.as_posix(): Path(str(file.locate()))
        for file in files
        if file.suffix == ".py" and not file.parts[0].startswith("_")
    }
    licenses = [file for file in files if file.name.upper().startswith("LICENSE")]
    if not found or not licenses:
        raise FileError(f"{package} has no sources or no license here")
    for name in sorted(found):
        yield name, found[name].read_bytes()
    yield f"licenses/{package}", Path(str(licenses[0].locate())).read_bytes()


def _bytecode(name: str, source: bytes) -> bytes:
    """Return a module's bytecode, which is used without a look at the source's time (PEP 552)."""
    code = compile(source, name, "exec", dont_inherit=True)
    unchecked = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(source) + marshal.dumps(code)


def krew(tree: Path, folder: Path, source: str) -> None:
    """Write krew's archive, and, if ``source`` is the repository's address, the manifest for krew's index."""
    version = commit.version(tree)
    archive = folder / f"{PROGRAM}-{version}.tar.gz"
    with tempfile.TemporaryDirectory(prefix="lens-krew-") as path:
        program = Path(path) / PROGRAM
        zipapp(tree, program)
        members = {
            PROGRAM: (program.read_bytes(), 0o755),
            "LICENSE": ((tree / "LICENSE").read_bytes(), 0o644),
        }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (data, mode) in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), mode, commit.epoch()
            tar.addfile(entry, io.BytesIO(data))
    archive.write_bytes(gzip.compress(content.getvalue(), mtime=0))
    if source:
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        uri = f"{source.rstrip('/')}/releases/download/v{version}/{archive.name}"
        (folder / f"{KREW_NAME}.yaml").write_text(manifest(version, source, uri, digest))


def manifest(version: str, homepage: str, uri: str, sha256: str) -> str:
    """Return the manifest for krew's index (krew, pkg/index/types.go)."""
    document = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": KREW_NAME},
        "spec": {
            "version": f"v{version}",
            "homepage": homepage,
            "shortDescription": "Show who holds GPUs, which are free, and what fits",
            "description": (
                "Shows a cluster's GPUs from Lens, which has to run in the cluster: what is allocated, idle, "
                "broken and free, by node, product, namespace and pod; why a pod waits, and whether a job "
                "would be scheduled now, with kube-scheduler's own numbers."
            ),
            "caveats": (
                "It needs Python 3.11 or later as python3. For completion link the program as "
                "kubectl_complete-gpu_lens into a folder of PATH."
            ),
            "platforms": [
                {
                    "selector": {
                        "matchExpressions": [{"key": "os", "operator": "In", "values": ["darwin", "linux"]}]
                    },
                    "uri": uri,
                    "sha256": sha256,
                    "files": [{"from": PROGRAM, "to": "."}, {"from": "LICENSE", "to": "."}],
                    "bin": PROGRAM,
                }
            ],
        },
    }
    return yaml.safe_dump(document, sort_keys=False, width=120)
