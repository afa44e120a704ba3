"""Lens' image for the tests, made as users make it: by ``python3 -m release.image``.

Where docker or podman works, on the Dockerfile's own base; with buildah on Debian's own packages, which takes
no registry of images.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release import commit, image
from tests.e2e.cluster.lock import exclusive

IMAGES = commit.ROOT / ".cluster" / "images"
NAME = f"lens:{commit.version()}"
"""What the image is called in the archive, and so on a node that has imported it."""

DEBIAN = "localhost/lens-base:bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
INPUTS = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements",
    "operator",
    "release",
)


@dataclass(frozen=True)
class Image:
    """An image in a docker archive."""

    archive: Path
    configuration: dict[str, Any]
    layers: tuple[str, ...]

    @classmethod
    def read(cls, archive: Path) -> "Image":
        """Read what it says of itself (https://github.com/moby/docker-image-spec/blob/main/spec.md)."""
        with tarfile.open(archive) as tar:

            def document(name: str) -> Any:
                file = tar.extractfile(name)
                assert file is not None
                return json.load(file)

            (manifest,) = document("manifest.json")
            return cls(archive, document(manifest["Config"]), tuple(manifest["Layers"]))

    def unpack(self, folder: Path, layers: tuple[str, ...] | None = None) -> None:
        """Write what its layers hold to a folder, with the owners that they say, as root."""
        with tarfile.open(self.archive) as tar:
            for name in layers or self.layers:
                with tarfile.open(fileobj=tar.extractfile(name)) as layer:
                    layer.extractall(folder, filter="fully_trusted", numeric_owner=True)


def built(base: str | None = None) -> Path:
    """Return a docker archive of the image, built now unless that of the same sources is there.

    ``base`` is the image to build on; without it one is chosen as this module's docstring says. Takes a
    minute, and two more the first time. Raise ImageError.
    """
    with exclusive(IMAGES / ".lock"):
        options = build_options(base)
        archive = IMAGES / f"lens-{_digest(options)}.tar"
        if not archive.is_file():
            for old in IMAGES.glob("lens-*.tar"):
                old.unlink()
            draft = archive.with_suffix(".new")
            run(sys.executable, "-m", "release.image", f"--image={NAME}", f"--archive={draft}", *options)
            draft.replace(archive)
            forget()
    return archive


def forget() -> None:
    """Take the image out of buildah's storage, whose every image is a whole copy: the archive has it."""
    if image.tool() == "buildah":
        run("buildah", "rmi", NAME)


def build_options(base: str | None = None) -> list[str]:
    """Return what `make image` has to be told on this machine. Raise ImageError."""
    flags = []
    if image.tool() == "buildah":
        base = base or _debian()
        # This machine's network, pip's configuration, and the authorities that it trusts.
        mounts = [path for path in ("/etc/pip.conf", "/etc/ssl/certs") if Path(path).exists()]
        flags = ["--network=host", *(f"--volume={path}:{path}:ro" for path in mounts)]
    return [*([f"--base={base}"] if base else []), f"--build-flags={' '.join(flags)}"]


def run(*command: str, folder: Path = commit.ROOT) -> str:
    """Run a program that builds, within another container too; return what it prints. Raise ImageError."""
    # What buildah makes is kept where `make clean` finds it.
    configuration = IMAGES / "storage.conf"
    configuration.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{IMAGES / "storage"}"\nrunroot = "{IMAGES / "run"}"\n'
    )
    environment = {"CONTAINERS_STORAGE_CONF": str(configuration), "BUILDAH_ISOLATION": "chroot"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            check=False,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise image.ImageError(f"{command[0]} is not on PATH: install it") from error
    if done.returncode:
        raise image.ImageError(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _digest(options: list[str]) -> str:
    """Return a digest of all that decides what the build makes."""
    digest = hashlib.sha256(" ".join(options).encode())
    for name in INPUTS:
        top = commit.ROOT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(commit.ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _debian() -> str:
    """Return the name of an image with Debian's own Python, made now unless it is there."""
    try:
        run("buildah", "inspect", "--type=image", DEBIAN)
    except image.ImageError:
        root = str(IMAGES / "debian")
        run("rm", "-rf", root)
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root)
        run("chroot", root, "apt-get", "clean")
        container = run("buildah", "from", "scratch").strip()
        run("buildah", "copy", "--quiet", container, root, "/")
        run("buildah", "commit", "--quiet", "--rm", container, DEBIAN)
        run("rm", "-rf", root)
    return DEBIAN


if __name__ == "__main__":
    print(built(sys.argv[1] if len(sys.argv) > 1 else None))
