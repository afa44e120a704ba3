"""Make the files of a release from the commit that is checked out: `make release`."""

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from release import client, commit, files, image, sbom

# As images name architectures (https://github.com/opencontainers/image-spec, config.md), after Go.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def main() -> None:
    """Make them from the command line; end with 1 and one message if one can't be made."""
    parser = argparse.ArgumentParser(prog="python -m release", description="Make the files of a release.")
    parser.add_argument(
        "--folder", type=Path, default=Path("dist"), help="where to, new or empty (%(default)s)"
    )
    parser.add_argument("--helm", default="helm", help="the helm program (%(default)s)")
    image.flags(parser)
    told = parser.parse_args()
    try:
        _make(told)
    except (commit.CommitError, files.FileError, image.ImageError, sbom.LockError) as error:
        sys.exit(f"release: {error}")


def _make(told: argparse.Namespace) -> None:
    folder: Path = told.folder
    if folder.exists() and any(folder.iterdir()):
        raise files.FileError(f"{folder} has files already: remove them first")
    if commit.is_dirty():
        raise commit.CommitError("a release is made from a commit, and the tree has more: see `git status`")
    folder.mkdir(parents=True, exist_ok=True)
    version = commit.version()
    with tempfile.TemporaryDirectory(prefix="lens-release-") as path:
        tree = Path(path)
        commit.export(tree)
        files.python_packages(tree, folder)
        client.wheel(tree, folder)
        client.zipapp(tree, folder / "kubectl-lens.pyz")
        client.krew(tree, folder, told.source)
        files.chart(tree, folder, told.helm)
        lock = (tree / "requirements" / "lens.txt").read_text()
        page = (tree / "requirements" / "page.json").read_text()
        (folder / f"lens-{version}.cdx.json").write_text(sbom.document(version, lock, commit.created(), page))
        name = f"lens:{version}"
        chosen = image.build(name, told.base, told.build_flags, told.source, tree)
        architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
        image.archive(chosen, name, folder / f"lens-{version}-image-{architecture}.tar")
    files.checksums(folder)
    sys.stdout.write((folder / files.SUMS).read_text())


if __name__ == "__main__":
    main()
