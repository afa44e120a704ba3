"""The commands: modules with `add_arguments(parser)` and `run(context)`, which returns the exit status.

A module is imported when its command runs, so that the others cost nothing.
"""

COMMANDS = {
    "dashboard": "Lens' page in a browser, through a port of this machine",
    "version": "Versions of this command and of Lens",
}
"""What there is, in the order of the help, and what each does."""
