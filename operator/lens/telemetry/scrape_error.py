"""Why a response, or a part of it, was rejected."""

from typing import Literal

Reason = Literal[
    "timeout",
    "refused",
    "unreachable",
    "redirect",
    "unauthorized",
    "status",
    "malformed",
    "too_large",
    "not_json",
    "invalid",
    "wrong_node",
    "future",
    "past",
    "cut",
    "conflict",
    "defect",
]
"""The values of the counter's label ``reason``.

``refused``: connection refused. ``unreachable``: no route, a broken connection, an untrusted certificate.
``malformed``: not HTTP. ``invalid``: an impossible value. ``future``: sampled later than now. ``past``:
sampled impossibly long ago. ``cut``: a truncated list. ``conflict``: a GPU that another node also reports.
``defect``: an error in Lens.
"""

MAX_PROBLEM_CHARS = 250
"""The most characters of a problem, which may quote the response."""


class ScrapeError(Exception):
    """A target can't be read. The message is shown as the node's problem."""

    def __init__(self, reason: Reason, problem: str) -> None:
        """Count the error as ``reason`` and show ``problem``."""
        super().__init__(problem[:MAX_PROBLEM_CHARS])
        self.reason = reason
