"""How much of what could be tried a run tries: little in `quick`, all in `ci`.

`quick` is what one has without asking. HYPOTHESIS_PROFILE=ci, or CI=true, asks for the other. Both are the
same in every run, and take their time.
"""

import os

from hypothesis import settings

NAME = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick")


def full_or(quick: int, full: int) -> int:
    """Return a number of examples, steps or hours: `full` in `ci`, and else `quick`."""
    return full if NAME == "ci" else quick


def load() -> None:
    """Let hypothesis use the profile. Raise InvalidArgument for one that isn't known."""
    for name, examples, steps in ("quick", 15, 10), ("ci", 100, 50):
        settings.register_profile(
            name, max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True
        )
    settings.load_profile(NAME)
