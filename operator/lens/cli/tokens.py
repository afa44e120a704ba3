"""``lens token``: a new token, and its entry for the tokens file."""

import hashlib
import secrets
from textwrap import indent
from typing import Annotated

import typer
import yaml
from pydantic import ValidationError

from lens.api.access.static_tokens import TokenEntry
from lens.cli.failure import fail

_GIVEN = {"name": "NAME", "namespaces": "--namespace", "paths": "--path"}


def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The token's owner, as in the access log.")],
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMESPACE",
            help="Restricts the token to this namespace; repeat it for more. Without it the token is for the "
            "whole cluster.",
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Restricts the token to this endpoint, or with a * at the end to all with this prefix; "
            "repeat it for more. Without it the token is for all endpoints.",
        ),
    ] = None,
    capacity: Annotated[
        bool,
        typer.Option(
            "--capacity",
            help="Lets the token see what is free in the cluster, without the names of pods and namespaces: "
            "in addition to its namespaces, or without a --namespace that alone.",
        ),
    ] = False,
) -> None:
    """Print a new token on stderr, and on stdout its entry for the tokens file, which has only a hash.

    The entry goes to the end of the list: lens token grafana >> tokens.yaml
    """
    secret = secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    try:
        made = TokenEntry.model_validate(
            {
                "name": name,
                "sha256": digest,
                "namespaces": namespace or None,
                "paths": path or None,
                "capacity": capacity,
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = first["msg"].removeprefix("Value error, ")
        fail(f"{_GIVEN[str(first['loc'][0])]}: {first['input']!a}: {problem}")
    entry = yaml.safe_dump([made.model_dump(mode="json", exclude_defaults=True)], sort_keys=False)
    typer.echo(indent(entry, "  "), nl=False)
    typer.echo(f"token: {secret}", err=True)
