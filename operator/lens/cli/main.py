"""``lens``: one command for each thing that it can be."""

import typer

from lens import __version__
from lens.cli import agent, demo, mcp, serve, tokens

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="What a Kubernetes cluster's GPUs are doing right now, with the scheduler's own numbers.",
)
app.command("serve")(serve.serve)
app.command("agent")(agent.agent)
app.command("demo")(demo.demo)
app.command("mcp")(mcp.mcp)
app.command("token")(tokens.token)


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
