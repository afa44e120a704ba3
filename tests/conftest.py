"""One profile of hypothesis for all tests, and Ctrl+C for the processes that they start."""

import signal

import pytest

from tests import profiles

profiles.load()
# A shell starts its background jobs with SIGINT ignored, and so would be the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of a file that takes numbers from `full_or`. hypothesis marks its own tests itself."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item.module, profiles.full_or.__name__):
            item.add_marker(profiles.full_or.__name__)
