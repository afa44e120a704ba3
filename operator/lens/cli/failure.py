"""How a command says that it can't: one line on stderr, exit status 2."""

from typing import NoReturn

import typer


def fail(message: str) -> NoReturn:
    """End the command."""
    typer.echo(f"lens: {message}", err=True)
    raise typer.Exit(2)
