"""docs/kubectl-lens.md has every command, format and exit status, and a picture of now."""

from pathlib import Path

import pytest

from lens_client import exits
from lens_client.commands import COMMANDS
from lens_client.output.formats import PLAIN, WITH_ARGUMENT
from tests.contract.client import picture

PAGE = (Path(__file__).parents[3] / "docs" / "kubectl-lens.md").read_text()


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "version"])
def test_every_command_is_there(command: str) -> None:
    assert f"| `{command}" in PAGE or f"`kubectl lens {command}`" in PAGE


@pytest.mark.parametrize("form", [*PLAIN, *WITH_ARGUMENT])
def test_every_format_is_there(form: str) -> None:
    assert f"`{form}" in PAGE


def test_every_exit_status_is_there() -> None:
    for status in (exits.YES, exits.ERROR, exits.USAGE, exits.NO, exits.STALE, exits.INTERRUPTED):
        assert f"\n| {status} |" in PAGE


def test_the_picture_is_what_is_printed() -> None:
    """`python -m tests.contract.client.picture` draws it."""
    assert picture.PATH.read_text() == picture.drawn()
