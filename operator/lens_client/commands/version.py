"""``kubectl lens version``."""

import argparse

from lens_client import __version__, options
from lens_client.context import Context
from lens_client.exits import YES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    options.ignore_namespace(parser)
    parser.add_argument("--client", action="store_true", help="ask no Lens")
    options.add_output(parser, rows=False)


def run(context: Context) -> int:
    """Print the versions."""
    if context.options.output is not None:
        return _document(context)
    context.stdout.write(f"Client: {__version__}\n")
    context.stdout.flush()
    if not context.options.client:
        context.stdout.write(f"Lens:   {context.lens.version()}\n")
    return YES


def _document(context: Context) -> int:
    from lens_client.listing.printer import Printer
    from lens_client.output.view import View

    view = View(field=None, columns=(), csv=("client", "lens"))
    printer = Printer(context, view, ("json", "yaml", "jsonpath"))
    versions = {"client": __version__}
    if not context.options.client:
        versions["lens"] = context.lens.version()
    printer.document(versions)
    return YES
