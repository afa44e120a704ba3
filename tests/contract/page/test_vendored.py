"""The libraries of the page are those of their lock, and need no build."""

import re
from pathlib import PurePosixPath

import pytest

from release import vendor


def stored() -> dict[str, str]:
    """Return the SHA-256 of each file of the libraries' folder."""
    files = (path for path in vendor.FOLDER.rglob("*") if path.is_file())
    return {str(path.relative_to(vendor.FOLDER)): vendor.sha256(path.read_text()) for path in files}


def test_the_files_are_those_that_the_lock_names_and_no_others() -> None:
    packages = vendor.read_lock().values()
    assert stored() == {name: sha256 for each in packages for name, sha256 in each["files"].items()}


def test_the_lock_pins_every_library_by_release_and_sha512() -> None:
    packages = vendor.read_lock()
    assert set(packages) == {library.package for library in vendor.LIBRARIES}
    for each in packages.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", each["version"])
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", each["integrity"])


def test_every_library_comes_with_its_license() -> None:
    for library in vendor.LIBRARIES:
        text = (vendor.FOLDER / library.license_file).read_text()
        assert vendor.read_lock()[library.package]["license"].partition("-")[0] in text


def test_no_library_imports_by_a_name_or_names_another_place() -> None:
    for path in vendor.FOLDER.glob("*.js"):
        text = path.read_text()
        for target in re.findall(r"""\b(?:from|import)\s*["']([^"']+)["']""", text):
            assert (vendor.FOLDER / PurePosixPath(target)).is_file(), (path.name, target)
        assert "sourceMappingURL" not in text


def test_a_module_gets_its_imports_by_relative_addresses() -> None:
    text = "import{h}from\"preact\";import 'preact/hooks';h();//# sourceMappingURL=x.map"
    assert vendor.module(text) == 'import{h}from"./preact.js";import "./hooks.js";h();\n'


def test_an_import_that_nobody_has_decided_on_is_an_error() -> None:
    with pytest.raises(vendor.VendorError, match="imports lodash"):
        vendor.module('import x from "lodash"')


def test_a_tarball_has_the_integrity_that_npm_calls_it() -> None:
    # Of no bytes: FIPS 180-4's SHA-512 of the empty message, in base64.
    assert vendor.integrity(b"") == (
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="
    )
