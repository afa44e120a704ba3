"""The libraries of the page: taken from npm, and written as modules that a browser loads without a build.

``requirements/page.json`` pins them as the other locks of that folder pin Python packages: each package's
release and its integrity (sha512), and the SHA-256 of each file that the page has. A test holds the files
against it.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "page.json"
FOLDER = ROOT / "operator" / "lens" / "web" / "page" / "vendor"
LICENSES = "licenses"

_COMMAND = "make vendor"
_TIMEOUT_SECONDS = 120


class VendorError(Exception):
    """A library can't be taken; the message names it."""


@dataclass(frozen=True)
class Library:
    """A package of npm, and its files by the names that they have in the page's folder.

    ``appended`` is added to a file: what makes a script a module.
    """

    package: str
    files: Mapping[str, str]
    appended: Mapping[str, str] = field(default_factory=dict)

    @property
    def license_file(self) -> str:
        """Return the file in which the page's folder has its license."""
        return f"{LICENSES}/{self.package.removeprefix('@').replace('/', '-')}.txt"


LIBRARIES = (
    Library("preact", {"preact.js": "dist/preact.mjs", "hooks.js": "hooks/dist/hooks.mjs"}),
    Library("htm", {"htm.js": "dist/htm.mjs"}),
    Library("@preact/signals-core", {"signals-core.js": "dist/signals-core.mjs"}),
    Library("@preact/signals", {"signals.js": "dist/signals.mjs"}),
    # Its minified form is a script alone.
    Library(
        "uplot",
        {"uplot.js": "dist/uPlot.iife.min.js", "uplot.css": "dist/uPlot.min.css"},
        {"uplot.js": "export default uPlot;\n"},
    ),
)

MODULES = {
    "preact": "./preact.js",
    "preact/hooks": "./hooks.js",
    "@preact/signals-core": "./signals-core.js",
}
"""What the libraries import by name, for which browsers need an import map: a strict policy forbids that."""

_IMPORT = re.compile(r"""(?P<before>\b(?:from|import)\s*)(?P<quote>["'])(?P<name>[^"']+)(?P=quote)""")
_SOURCE_MAP = re.compile(r"//# sourceMappingURL=\S+\s*\Z")


def module(text: str, appended: str = "") -> str:
    """Return a library's file as the page has it: its imports relative, and without its source map.

    Raise VendorError for an import that isn't among MODULES.
    """

    def relative(match: re.Match[str]) -> str:
        if match["name"] not in MODULES:
            raise VendorError(f"imports {match['name']}, which isn't among MODULES of release/vendor.py")
        return f'{match["before"]}"{MODULES[match["name"]]}"'

    plain = _SOURCE_MAP.sub("", text)
    return _IMPORT.sub(relative, plain).rstrip("\n") + "\n" + appended


def taken(library: Library, package: Path) -> Iterator[tuple[str, str]]:
    """Yield each of a library's files, name and text, from its unpacked ``package``. Raise VendorError."""
    for name, source in {**library.files, library.license_file: "LICENSE"}.items():
        try:
            text = (package / source).read_text(encoding="utf-8")
            yield (
                name,
                module(text, library.appended.get(name, "")) if name.endswith(".js") else text,
            )
        except FileNotFoundError:
            raise VendorError(f"{library.package}: has no {source} any more") from None
        except VendorError as error:
            raise VendorError(f"{library.package}: {source} {error}") from None


def sha256(text: str) -> str:
    """Return the SHA-256 of a file's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def integrity(tarball: bytes) -> str:
    """Return what npm calls a tarball's integrity: its SHA-512, in base64."""
    return f"sha512-{b64encode(hashlib.sha512(tarball).digest()).decode()}"


def read_lock() -> Mapping[str, Any]:
    """Return the lock's packages by name."""
    return {each["name"]: each for each in json.loads(LOCK.read_text())["packages"]} if LOCK.exists() else {}


def _npm(*arguments: str, folder: Path) -> str:
    program = shutil.which("npm")
    if program is None:
        raise VendorError("npm is not there: Debian has it as npm")
    done = subprocess.run(  # noqa: S603
        [program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
    )
    if done.returncode:
        raise VendorError(f"npm {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def _newest(package: str, folder: Path) -> dict[str, str]:
    """Return a package's newest release, as the registry describes it."""
    told = json.loads(_npm("view", package, "version", "license", "dist.integrity", "--json", folder=folder))
    return {
        "name": package,
        "version": told["version"],
        "license": told["license"],
        "integrity": told["dist.integrity"],
    }


def _fetch(pin: Mapping[str, str], folder: Path) -> Path:
    """Return the folder with a release's files. Raise VendorError unless it is the one that was pinned."""
    name = _npm("pack", "--silent", f"{pin['name']}@{pin['version']}", folder=folder).strip().splitlines()[-1]
    tarball = folder / name
    if integrity(tarball.read_bytes()) != pin["integrity"]:
        raise VendorError(f"{pin['name']} {pin['version']}: isn't what was pinned, {pin['integrity']}")
    unpacked = folder / tarball.stem
    with tarfile.open(tarball) as archive:
        archive.extractall(unpacked, filter="data")
    return unpacked / "package"


def renew(*, upgrade: bool) -> None:
    """Write the libraries' files and the lock anew, by the pins or the newest releases. Raise VendorError."""
    pins, packages = read_lock(), []
    files: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for library in LIBRARIES:
            pin = pins.get(library.package)
            if pin is None or upgrade:
                pin = _newest(library.package, folder)
            found = dict(taken(library, _fetch(pin, folder)))
            files |= found
            fields = {key: pin[key] for key in ("name", "version", "license", "integrity")}
            sums = {each: sha256(text) for each, text in sorted(found.items())}
            packages.append({**fields, "files": sums})
    shutil.rmtree(FOLDER, ignore_errors=True)
    for each, text in files.items():
        path = FOLDER / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    LOCK.write_text(json.dumps({"made_by": _COMMAND, "packages": packages}, indent=2) + "\n")


def main() -> int:
    """Renew the files. Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m release.vendor", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest releases")
    try:
        renew(upgrade=parser.parse_args().upgrade)
    except VendorError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
