"""A package index in a folder that has each locked package, and of each a newer release too.

The wheels are made up: they hold nothing but their metadata, which names the requirements and extras of the
real ones. Only what runs during an installation (uv, and what builds Lens) is packed again from what is here.
"""

import base64
import hashlib
import re
import zipfile
from importlib import metadata
from pathlib import Path

REAL = {"uv", "hatchling", "editables", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}
NEWER = "9999.0"


def pins(lock: Path) -> dict[str, str]:
    """Return the version of each package that a lock names."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock.read_text(), re.MULTILINE))


def make(index: Path, requirements: Path) -> None:
    """Fill the folder ``index``, and lock what ``requirements`` locks by the hashes of what is there."""
    for lock in requirements.glob("*.txt"):
        text = ["# made up"]
        for name, version in pins(lock).items():
            wheel = _wheel(index, name, version)
            _wheel(index, name, NEWER)
            text.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")
        lock.write_text("\n".join([*text, ""]))


def _wheel(index: Path, name: str, version: str) -> Path:
    stem = f"{name.replace('-', '_')}-{version}"
    path = index / f"{stem}-py3-none-any.whl"
    if path.exists():
        return path
    try:
        real: metadata.Distribution | None = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # it is for another system or Python
        real = None
    info = f"{stem}.dist-info"
    files: dict[str, bytes] = {}
    if name in REAL and version != NEWER:
        assert real is not None, f"{name} is not installed"
        for file in real.files or ():
            if file.name in {"RECORD", "INSTALLER", "REQUESTED", "METADATA", "direct_url.json"}:
                continue
            if ".." in file.parts:  # a program, beside the packages
                files[f"{stem}.data/scripts/{file.name}"] = Path(str(file.locate())).read_bytes()
            elif file.suffix != ".pyc":
                files[str(file)] = Path(str(file.locate())).read_bytes()
    about = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    if real is not None:
        about += [f"Provides-Extra: {each}" for each in real.metadata.get_all("Provides-Extra") or ()]
        about += [f"Requires-Dist: {each}" for each in real.requires or ()]
    files[f"{info}/METADATA"] = "\n".join([*about, ""]).encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = [
        f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},"
        f"{len(content)}"
        for file, content in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(path, "w") as wheel:
        for name_inside, content in files.items():
            entry = zipfile.ZipInfo(name_inside)
            entry.external_attr = (0o100755 if ".data/scripts/" in name_inside else 0o100644) << 16
            wheel.writestr(entry, content)
    return path
