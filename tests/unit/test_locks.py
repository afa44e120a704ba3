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


def test_go_programs_share_what_the_control_plane_has_compiled_of_kubernetes() -> None:
    """Go compiles a package once for all programs that pin one release of it: half of Helm and CoreDNS."""
    libraries = {
        module: set(re.findall(r"^\s(k8s\.io/(?:api|apimachinery|client-go) v\S+)", pinned, re.MULTILINE))
        for module in (
            "e2e/cluster/go/kubernetes",
            "e2e/cluster/go/helm",
            "e2e/cluster/go/coredns",
            "oracle/go",
        )
        for pinned in [(ROOT / "tests" / module / "go.mod").read_text()]
    }
    control_plane = libraries.pop("e2e/cluster/go/kubernetes")
    assert len(control_plane) == 3
    assert libraries == dict.fromkeys(libraries, control_plane)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_line_that_installs_packages_takes_them_as_they_are_locked(name: str) -> None:
    for line in INSTALL.finditer((ROOT / name).read_text()):
        assert "--no-deps" in line["rest"], line[0]
        assert "--require-hashes" in line["rest"] or re.search(r"\.whl| \.$", line["rest"]), line[0]
