"""``lens token``: a new token, and the entry that lets its bearer in."""

import hashlib
import secrets
from typing import Annotated

import typer


def token(name: Annotated[str, typer.Argument(help="Whose token it is; shown in the access log.")]) -> None:
    """Print a new token, and its entry for the tokens file, which holds only a hash."""
    secret = secrets.token_urlsafe(32)
    typer.echo(f"token: {secret}\n")
    typer.echo("tokens:")
    typer.echo(f"  - name: {name}")
    typer.echo(f"    sha256: {hashlib.sha256(secret.encode()).hexdigest()}")
