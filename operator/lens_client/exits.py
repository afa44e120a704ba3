"""How a command ends: its exit status, and the one line that says why it failed."""

YES = 0
ERROR = 1
USAGE = 2
NO = 3
"""It doesn't fit, or there are alerts."""
STALE = 4
"""The figures are older than --max-age."""
INTERRUPTED = 130
"""Ctrl+C: 128 and the signal's number, as shells have it."""


class CommandError(Exception):
    """A command has failed. The message is one line: the problem, and what to do."""

    status = ERROR


class UsageError(CommandError):
    """The command line is wrong. The message names the flag as it was given."""

    status = USAGE
