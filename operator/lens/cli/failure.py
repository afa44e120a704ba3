"""How a command says that it can't: one line on stderr, exit status 2."""

from typing import NoReturn

import typer

from lens.redaction import without_credentials


def fail(message: str) -> NoReturn:
    """End the command."""
    typer.echo(f"lens: {without_credentials(message)}", err=True)
    raise typer.Exit(2)
