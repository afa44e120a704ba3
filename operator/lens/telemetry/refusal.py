"""Why an answer, or a part of it, is not taken as it came."""

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
"""What the counters tell apart.

``refused``: nobody listens there. ``unreachable``: no way there, a broken connection, an untrusted
certificate. ``malformed``: not HTTP. ``invalid``: a value that can't be. ``future``: sampled later than now.
``past``: sampled longer ago than can be. ``cut``: a list that is longer than what is kept of it.
``conflict``: a GPU that another node claims too. ``defect``: an error of Lens.
"""

LONGEST_PROBLEM = 250
"""Characters: a problem may repeat what was answered."""


class RefusedError(Exception):
    """An answer is of no use. The message says so in a node's state, in words for an operator."""

    def __init__(self, reason: Reason, problem: str) -> None:
        """Take what to count it as, and what to say."""
        super().__init__(problem[:LONGEST_PROBLEM])
        self.reason = reason
