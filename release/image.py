"""Build the image with docker, podman or buildah, whichever is there and works.

``python3 -m release.image --help``. It takes nothing but Python's own library: Lens needn't be installed.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from release import commit

TOOLS = ("docker", "podman", "buildah")


class ImageError(Exception):
    """No tool works, or the one that does failed; the message says which."""


def tool() -> str:
    """Return the first tool that works here: a docker client without its daemon doesn't. Raise ImageError."""
    for name in TOOLS:
        if shutil.which(name) and _succeeds(name, "info"):
            return name
    raise ImageError(f"none of {', '.join(TOOLS)} is there and works (`docker info` and the like say why)")


def build(
    name: str,
    base: str | None = None,
    flags: Sequence[str] = (),
    source: str = "",
    context: Path = commit.ROOT,
) -> str:
    """Build the image ``name`` (``lens:0.1.0``) from the tree ``context``; return the tool that now has it.

    ``base`` goes before the Dockerfile's own, ``flags`` to the tool's build command; ``source`` is where the
    source code is, for the label. Raise ImageError.
    """
    chosen = tool()
    epoch = str(commit.epoch())
    arguments = {
        "SOURCE_DATE_EPOCH": epoch,
        "VERSION": commit.version(context),
        "REVISION": commit.revision(),
        "CREATED": commit.created().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "SOURCE": source,
        **({"BASE": base} if base else {}),
    }
    command = [chosen, "build", "--tag", name]
    if chosen != "docker":
        # Docker's builder takes the image's time from the argument, and has no flag for the files' times.
        command += ["--timestamp", epoch]
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    _run([*command, *flags, str(context)])
    return chosen


def archive(chosen: str, name: str, path: Path) -> None:
    """Write an image to ``path`` as `docker load` and `ctr images import` read it. Raise ImageError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if chosen == "docker":
        _run(["docker", "save", "--output", str(path), name])
    else:
        _run([chosen, "push", name, f"docker-archive:{path}:{name}"])


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603


def _run(command: list[str]) -> None:
    sys.stderr.write(f"+ {shlex.join(command)}\n")
    status = subprocess.run(command, check=False, stdout=sys.stderr).returncode  # noqa: S603
    if status:
        raise ImageError(f"{command[0]} {command[1]} ended with {status}")


def flags(parser: argparse.ArgumentParser) -> None:
    """Add what `build` can be told to a command line."""
    parser.add_argument("--base", help="the image to build on, instead of the Dockerfile's")
    parser.add_argument("--source", default="", help="the source code's address, for the label")
    parser.add_argument("--build-flags", type=shlex.split, default=[], help="more flags for the tool's build")


def main() -> None:
    """Build from the command line."""
    parser = argparse.ArgumentParser(prog="python3 -m release.image", description="Build Lens' image.")
    parser.add_argument("--image", default=f"lens:{commit.version()}", help="its name and tag (%(default)s)")
    parser.add_argument("--archive", type=Path, help="a file to write it to, for `docker load` and the like")
    flags(parser)
    told = parser.parse_args()
    try:
        chosen = build(told.image, told.base, told.build_flags, told.source)
        if told.archive:
            archive(chosen, told.image, told.archive)
    except (ImageError, commit.CommitError) as error:
        sys.exit(f"image: {error}")


if __name__ == "__main__":
    main()
