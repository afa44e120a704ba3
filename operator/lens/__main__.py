"""``lens``, which is also ``python -m lens``."""

import errno
import signal
import sys


def main() -> None:
    """Run the command line, which SIGTERM and Ctrl+C end from its first moment on."""
    # The first process of a container has no default action for SIGTERM: without a handler the kernel drops
    # it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Imports take most of a second. Ctrl+C during that time must not print a traceback.
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: sys.exit(128 + signal.SIGINT))
    from lens_client import main as client

    # `lens status` is `kubectl lens status`, and starts without what only the operator needs.
    if client.is_command(sys.argv[1:]):
        signal.signal(signal.SIGINT, interrupt)
        client.end(client.run(sys.argv[1:], "lens"))
    from lens.cli.main import app

    signal.signal(signal.SIGINT, interrupt)
    try:
        app(prog_name="lens")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        client.end(client.not_written(error, "lens"))


if __name__ == "__main__":
    main()
