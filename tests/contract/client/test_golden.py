"""What every command prints is stored; a change of it is seen, and meant."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lens_client.output.text import width
from tests.contract.client import golden, lens

STORED = golden.stored()


@pytest.fixture(scope="module")
def server() -> Iterator[lens.FakeLens]:
    """Run one server for all cases."""
    with lens.running() as found:
        yield found


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return a manifest's file."""
    file = tmp_path / "job.yaml"
    file.write_text("kind: Pod\n")
    return file


@pytest.mark.parametrize("case", golden.cases(), ids=lambda case: case.name)
def test_output_is_what_is_stored(case: golden.Case, server: lens.FakeLens, manifest: Path) -> None:
    """`python -m tests.contract.client.golden` stores what is printed now."""
    assert golden.printed(case, server.url, manifest) == STORED.get(case.name)


def test_nothing_stored_is_left_over() -> None:
    """A case that is gone takes along what is stored of it."""
    assert set(STORED) == {case.name for case in golden.cases()}


@pytest.mark.parametrize("case", golden.cases(), ids=lambda case: case.name)
def test_nothing_of_others_can_steer_a_terminal(case: golden.Case) -> None:
    """Escape sequences in names stay visible text; only the colours are the command's own."""
    stored = STORED[case.name]
    if case.columns is None and any(form in case.command for form in ("csv", "jsonpath", "name")):
        return  # data for programs
    for code in ("[0m", "[1m", "[2m", "[31m", "[32m", "[33m", "[34m"):
        stored = stored.replace(f"␛{code}", "")
    assert not [each for each in stored if each not in "\n" and not each.isprintable()]
    assert "␛" not in stored


@pytest.mark.parametrize(
    "case", [each for each in golden.cases() if each.columns], ids=lambda case: case.name
)
def test_tables_keep_to_the_terminal(case: golden.Case) -> None:
    """No line of a table is wider than its terminal, unless -o wide asks for all."""
    if case.columns is None or "wide" in case.command or "-o" in case.command or "colours" in case.name:
        return
    lines = STORED[case.name].splitlines()
    notes = ("Utilization is", "The numbers of", "Some GPUs", "No figure has")
    wide = [line for line in lines if width(line) > case.columns and not line.startswith(notes)]
    assert not wide
