"""``kubectl lens version``."""

import argparse

from lens_client import __version__
from lens_client.context import Context
from lens_client.exits import YES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument("--client", action="store_true", help="ask no Lens")


def run(context: Context) -> int:
    """Print the versions."""
    context.stdout.write(f"Client: {__version__}\n")
    context.stdout.flush()
    if not context.options.client:
        context.stdout.write(f"Lens:   {context.lens.version()}\n")
    return YES
