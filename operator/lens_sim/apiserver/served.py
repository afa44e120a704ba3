"""Which versions of each resource the simulated apiserver serves; a test changes that as it runs."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from lens_sim.objects.resources import DYNAMIC, SERVED, Resource
from lens_sim.objects.versions import in_version

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


@dataclass(frozen=True)
class Form:
    """A resource in one of the versions in which it is served."""

    resource: Resource
    version: str

    @cached_property
    def named(self) -> Resource:
        """Return the resource under this version's name."""
        return replace(self.resource, version=self.version)

    def body(self, stored: bytes) -> bytes:
        """Return a stored object's JSON in this form, as it is in a list."""
        return in_version(self.resource, self.version, stored)

    def typed(self, stored: bytes) -> bytes:
        """Return a stored object's JSON in this form, with `kind` and `apiVersion`."""
        return self.named.typed(self.body(stored))


class Served:
    """The versions of each resource, newest first. Of dynamic resource allocation there are none at first."""

    def __init__(self) -> None:
        self._versions: dict[Resource, tuple[str, ...]] = {
            resource: () if resource in DYNAMIC else (resource.version,) for resource in SERVED
        }

    def set(self, versions: Iterable[str], resources: Iterable[Resource]) -> None:
        """Let these resources have these versions, and no others."""
        newest_first = tuple(sorted(versions, key=_priority, reverse=True))
        for resource in resources:
            self._versions[resource] = newest_first

    def form(self, resource: Resource, version: str) -> Form | None:
        """Return a resource in a version; None if that isn't served."""
        return Form(resource, version) if version in self._versions[resource] else None

    def groups(self) -> Iterator[tuple[str, list[str]]]:
        """Give each group that has resources, the core one ("") too, and its versions, newest first."""
        groups: dict[str, set[str]] = {}
        for resource, versions in self._versions.items():
            groups.setdefault(resource.group, set()).update(versions)
        for group, found in groups.items():
            if found:
                yield group, sorted(found, key=_priority, reverse=True)

    def resources(self, group: str, version: str) -> list[Resource]:
        """Return what a group has in a version."""
        return [
            resource
            for resource, versions in self._versions.items()
            if resource.group == group and version in versions
        ]


def _priority(version: str) -> tuple[int, int, int]:
    """Return what orders versions: v2, v1, v1beta2, v1alpha1 (apimachinery, util/version)."""
    match = _VERSION.fullmatch(version)
    assert match, version
    major, level, minor = match.groups()
    return {None: 2, "beta": 1, "alpha": 0}[level], int(major), int(minor or 0)
