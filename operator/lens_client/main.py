"""The command line: which command, its options, its exit status. ``kubectl-lens``, and a part of ``lens``."""

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from lens_client import __version__
from lens_client.commands import COMMANDS
from lens_client.exits import ERROR, INTERRUPTED, YES, CommandError, UsageError
from lens_client.output.text import one_line

PACKAGES = {"websockets": "websockets", "yaml": "PyYAML"}
"""The packages that a wheel installed without dependencies lacks, by their modules."""

DEFAULT = "status"
"""The command that is run without one."""


def main() -> None:
    """Run ``kubectl-lens``."""
    end(run(sys.argv[1:], "kubectl lens"))


def is_command(arguments: Sequence[str]) -> bool:
    """Return whether a command line has one of these commands."""
    if not arguments or arguments[0] in ("-h", "--help", "--version"):
        return False
    from lens_client import options

    return options.split(arguments)[0] in COMMANDS


def run(arguments: Sequence[str], prog: str) -> int:
    """Run a command line, and return its exit status. What fails is one line on stderr."""
    _open_closed_streams()
    try:
        return _run(list(arguments), prog)
    except CommandError as error:
        sys.stderr.write(f"{prog}: {one_line(str(error))}\n")
        return error.status
    except BrokenPipeError:
        # The reader has seen enough, as `| head` does.
        return YES
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{prog}: {_missing(error)}\n")
        return ERROR
    except OSError as error:
        # Whatever fails on the way to Lens is a CommandError.
        return not_written(error, prog)
    except KeyboardInterrupt:
        return INTERRUPTED


def _missing(error: ModuleNotFoundError) -> str:
    """Return the package to install. Raise the error if the module is one of ours."""
    package = PACKAGES.get((error.name or "").partition(".")[0])
    if package is None:
        raise error
    return f"this takes the Python package {package}: install it beside kubectl-lens, or use kubectl-lens.pyz"


def _open_closed_streams() -> None:
    """Replace the standard streams that the caller has closed, as `>&-` does."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def not_written(error: OSError, prog: str) -> int:
    """Say on stderr that the output can't be written, and return the exit status."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{prog}: the output can't be written: {error.strerror or error}\n")
    return ERROR


def end(status: int) -> None:
    """End the process as shells expect it: quietly if the pipe is closed, and by SIGINT after Ctrl+C."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        if status == YES and isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            status = not_written(error, "kubectl lens")
        # What is left would be written again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if status == INTERRUPTED:
        # A shell's loop ends only if its program died of the signal.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(status)


def _run(arguments: list[str], prog: str) -> int:
    if arguments[:1] == ["--version"]:
        sys.stdout.write(f"{prog} {__version__}\n")
        return YES
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(overview(prog))
        return YES
    from lens_client import options
    from lens_client.context import Context

    name, rest = options.split(arguments)
    name = name or DEFAULT
    if name not in COMMANDS:
        raise UsageError(_unknown(name, prog))
    command: Any = importlib.import_module(f"lens_client.commands.{name}")
    parser = options.Parser(f"{prog} {name}", description=COMMANDS[name] + ".")
    command.add_arguments(parser)
    operands = [action.metavar or action.dest for action in parser._actions if not action.option_strings]
    parser.usage = " ".join([parser.prog, *map(str, operands), "[OPTION]..."])
    options.add_connection(parser)
    try:
        given = parser.parse_args(rest, namespace=options.Options())
    except SystemExit:  # --help
        return YES
    context = Context(given, prog, os.environ)
    try:
        status: int = command.run(context)
        context.stdout.flush()
    finally:
        context.close()
    return status


def overview(prog: str) -> str:
    """Return the help of all commands."""
    width = max(map(len, COMMANDS)) + 2
    rows = "\n".join(f"  {name:{width}}{what}" for name, what in COMMANDS.items())
    return (
        "What a Kubernetes cluster's GPUs are doing right now, with the scheduler's own numbers.\n\n"
        f"Usage: {prog} [COMMAND] [OPTION]...\n\nCommands:\n{rows}\n\n"
        f"Without a command it is {DEFAULT}. {prog} COMMAND --help has a command's options.\n"
        "Exit status: 0 yes; 1 error; 2 usage; 3 doesn't fit, or alerts are there; 4 older than --max-age.\n"
    )


def _unknown(name: str, prog: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"{prog} --help lists the commands"
    return f"{name[:40]!a} is no command: {hint}"
