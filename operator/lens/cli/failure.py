"""How a command says that it can't: one line on stderr, exit status 2."""

import logging
from typing import NoReturn

import typer

from lens.redaction import without_credentials


def fail(message: str) -> NoReturn:
    """End the command. Where it has its log already, the line has the log's format."""
    if logging.getLogger().handlers:
        logging.getLogger("lens.cli").critical("%s", message)
    else:
        typer.echo(f"lens: {without_credentials(message)}", err=True)
    raise typer.Exit(2)
