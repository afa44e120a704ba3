"""What Lens is made of, as CycloneDX (https://cyclonedx.org/docs/1.6/json/): all that the lock files pin."""

import base64
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

# A namespace of our own for the documents' serial numbers, which are the same for the same content.
_SERIALS = uuid.uuid5(uuid.NAMESPACE_OID, "lens-operator")


class LockError(Exception):
    """The lock file can't be read, or isn't what is installed; the message says what to do."""


@dataclass(frozen=True)
class Locked:
    """One requirement of the lock file: an exact version, its files' SHA-256s, and where it is needed."""

    requirement: Requirement
    version: str
    hashes: tuple[str, ...]


def locked(text: str) -> Iterator[Locked]:
    """Read a lock file as `uv pip compile --generate-hashes` writes it. Raise LockError."""
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.startswith("#"):
            continue
        requirement = Requirement(entry.partition("--hash")[0].strip())
        pin = re.fullmatch(r"==(\S+)", str(requirement.specifier))
        hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
        if pin is None or not hashes:
            raise LockError(f"{requirement.name}: no exact version or no hash in the lock file: make lock")
        yield Locked(requirement, pin[1], hashes)


def document(version: str, lock: str, made: datetime, page: str = '{"packages": []}') -> str:
    """Return the JSON for a version of Lens, with licenses as installed packages tell. Raise LockError.

    ``lock`` pins Python packages, ``page`` (requirements/page.json) the libraries of the page.
    """
    lens = Component(
        name="lens-operator",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"lens-operator=={version}",
        purl=PackageURL("pypi", name="lens-operator", version=version),
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    components = {canonicalize_name(each.requirement.name): _component(each) for each in locked(lock)}
    libraries = [_library(each) for each in json.loads(page)["packages"]]
    bom = Bom(
        serial_number=uuid.uuid5(_SERIALS, f"{version}\n{lock}\n{page}"),
        metadata=BomMetaData(component=lens, timestamp=made),
        components=[*components.values(), *libraries],
    )
    bom.register_dependency(lens, [*_needed("lens-operator", components), *libraries])
    for name, component in components.items():
        bom.register_dependency(component, _needed(name, components))
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _component(each: Locked) -> Component:
    name = canonicalize_name(each.requirement.name)
    license_ = _license(name, each.version)
    return Component(
        name=name,
        version=each.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}=={each.version}",
        purl=PackageURL("pypi", name=name, version=each.version),
        # With a marker it is for some Pythons or systems only.
        scope=ComponentScope.OPTIONAL if each.requirement.marker else ComponentScope.REQUIRED,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each_hash) for each_hash in each.hashes],
        licenses=[LicenseFactory().make_from_string(license_)] if license_ else [],
    )


def _library(pin: Mapping[str, Any]) -> Component:
    """Return a library of the page, of npm, with the SHA-512 of its package."""
    scope, _, name = pin["name"].rpartition("/")
    digest = base64.b64decode(pin["integrity"].removeprefix("sha512-")).hex()
    return Component(
        name=pin["name"],
        version=pin["version"],
        type=ComponentType.LIBRARY,
        bom_ref=f"npm:{pin['name']}@{pin['version']}",
        purl=PackageURL("npm", namespace=scope or None, name=name, version=pin["version"]),
        scope=ComponentScope.REQUIRED,
        hashes=[HashType(alg=HashAlgorithm.SHA_512, content=digest)],
        licenses=[LicenseFactory().make_from_string(pin["license"])],
    )


def _license(name: str, version: str) -> str | None:
    """Return the license that the installed package tells, in SPDX's words or, on one line, its own."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None  # for other Pythons or systems
    if package.version != version:
        raise LockError(f"{name}: {package.version} is installed, {version} locked: make a new .venv")
    classifiers = package.metadata.get_all("Classifier") or []
    told = [
        *(package.metadata.get_all("License-Expression") or []),
        *(package.metadata.get_all("License") or []),
        *(each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: OSI")),
    ]
    return next((each for each in told if each and "\n" not in each), None)


def _needed(name: str, components: Mapping[NormalizedName, Component]) -> Iterator[Component]:
    """Yield what a package needs without extras, as the installed one tells."""
    try:
        requires = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    for text in requires:
        requirement = Requirement(text)
        needed = canonicalize_name(requirement.name)
        if needed in components and not re.search(r"\bextra\b", str(requirement.marker or "")):
            yield components[needed]
