"""Settings of the whole process. A command makes them, since a library must not."""

import resource
import sys

SWITCH_SECONDS = 0.0001


def configure_operator() -> None:
    """Give the operator short turns of threads, and as many open files as the system allows."""
    # The watch's thread and the API's take turns, and each turn of the watch's loop waits for the API's.
    sys.setswitchinterval(SWITCH_SECONDS)
    # Streams and agents' connections stay open; the default limit is too low for many of them.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
