"""The images that the node has: Lens', one that only sleeps, and one with curl for a caller in the cluster.

They are made outside the node's namespaces, which have no way to the Internet, and kept in `.cluster/images`.
"""

import hashlib
import io
import json
import platform
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.e2e.cluster.lock import exclusive
from tests.e2e.release import image

LENS = image.NAME
VERSION = LENS.partition(":")[2]
PAUSE = "lens-e2e/pause:1"
CALLER = "lens-e2e/caller:1"

PAUSE_SOURCE = Path(__file__).parent / "pause.c"
# What Go, and so images, call a machine.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

CALLER_PACKAGES = "ca-certificates,curl,jq"


class ImagesError(Exception):
    """An image could not be made; the message has the program's words."""


def build() -> list[Path]:
    """Return an archive of each image, built now unless it is there."""
    with exclusive(image.IMAGES / ".node.lock"):
        return [image.built(), _pause(), _caller()]


def _pause() -> Path:
    """Compile the program that only sleeps, for pods' sandboxes and for pods that hold GPUs."""
    archive = image.IMAGES / f"pause-{_digest(PAUSE_SOURCE.read_bytes())}.tar"
    if not archive.is_file():
        program = image.IMAGES / "pause"
        _run("cc", "-static", "-O2", "-Wall", "-Werror", "-o", str(program), str(PAUSE_SOURCE))
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            tar.add(program, "pause")
        program.unlink()
        _write(archive, PAUSE, layer.getvalue(), ["/pause"])
    return archive


def _caller() -> Path:
    """Make a Debian with curl and jq."""
    archive = image.IMAGES / f"caller-{_digest(CALLER_PACKAGES.encode())}.tar"
    if not archive.is_file():
        root, layer = image.IMAGES / "caller", image.IMAGES / "caller.layer"
        shutil.rmtree(root, ignore_errors=True)
        _run("debootstrap", "--variant=minbase", f"--include={CALLER_PACKAGES}", "bookworm", str(root))
        _run(
            "tar",
            "--create",
            f"--file={layer}",
            f"--directory={root}",
            "--exclude=./var/cache/apt/archives/*",
            ".",
        )
        _write(archive, CALLER, layer.read_bytes(), ["/bin/sleep", "infinity"])
        layer.unlink()
        shutil.rmtree(root)
    return archive


def _write(archive: Path, name: str, layer: bytes, command: list[str]) -> None:
    """Write an image of one layer as `docker save` does, the form that every tool reads.

    https://github.com/moby/docker-image-spec/blob/main/spec.md
    """
    digest = hashlib.sha256(layer).hexdigest()
    configuration = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": command, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "config.json": json.dumps(configuration).encode(),
        "layer.tar": layer,
        "manifest.json": json.dumps(manifest).encode(),
    }
    new = archive.with_suffix(".new")
    with tarfile.open(new, "w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    new.replace(archive)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImagesError(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
