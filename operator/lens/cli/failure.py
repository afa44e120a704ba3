"""The failure of a command: one line on stderr, and exit status 2."""

import logging
from typing import NoReturn

import typer

from lens.redaction import without_credentials


def fail(message: str, log: logging.Logger | None = None) -> NoReturn:
    """End the command. Once its log is configured, the line is one of the ``log``."""
    if log is not None:
        log.critical("%s", message)
        for handler in logging.getLogger().handlers:
            handler.flush()
    else:
        typer.echo(f"lens: {without_credentials(message)}", err=True)
    raise typer.Exit(2)
