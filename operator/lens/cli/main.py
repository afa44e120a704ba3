"""``lens``: the command line with all its commands."""

from typing import Annotated

import typer

from lens import __version__
from lens.cli import agent, demo, mcp, serve, tokens
from lens.cli.flags import SettingsCommand
from lens_client.commands import COMMANDS

_WIDTH = max(map(len, COMMANDS)) + 2
_QUESTIONS = "\n".join(f"  {name:{_WIDTH}}{what}" for name, what in COMMANDS.items())

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="What a Kubernetes cluster's GPUs are doing right now, with the scheduler's own numbers.",
    # \b keeps the lines that follow as they are.
    epilog=f"\b\nCommands that ask a Lens (kubectl lens has them too):\n{_QUESTIONS}",
)
app.command("serve", cls=SettingsCommand)(serve.serve)
app.command("agent", cls=SettingsCommand)(agent.agent)
app.command("demo", cls=SettingsCommand)(demo.demo)
app.command("mcp", cls=SettingsCommand)(mcp.mcp)
app.command("token")(tokens.token)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lens {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of `lens` itself."""
