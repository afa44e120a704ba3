"""The locks agree with one another, and whatever installs packages installs a lock."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = re.compile(r"pip[^\n`]*? install(?P<rest>(?:[^\n]*\\\n)*[^\n]*)")
WRITTEN = [
    "Dockerfile",
    "README.md",
    "CONTRIBUTING.md",
    "Makefile",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]


def test_every_lock_names_the_same_release_of_a_package() -> None:
    releases: dict[str, set[str]] = {}
    for lock in (ROOT / "requirements").glob("*.txt"):
        if lock.name != "crewai.txt":  # it pins an SDK of its own, in an environment of its own
            for name, version in re.findall(r"^([a-z0-9-]+)==([^ ]+)", lock.read_text(), re.MULTILINE):
                releases.setdefault(name, set()).add(version)
    assert releases
    assert {name: versions for name, versions in releases.items() if len(versions) > 1} == {}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_line_that_installs_packages_takes_them_as_they_are_locked(name: str) -> None:
    for line in INSTALL.finditer((ROOT / name).read_text()):
        assert "--no-deps" in line["rest"], line[0]
        assert "--require-hashes" in line["rest"] or re.search(r"\.whl| \.$", line["rest"]), line[0]
