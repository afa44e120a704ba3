"""One profile of hypothesis for all tests, and Ctrl+C for the processes that they start."""

import signal

from tests import profiles

profiles.load()
# A shell starts its background jobs with SIGINT ignored, and so would be the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
