"""The scheduler's decisions about pending pods, each with the state right before the decision was watched.

The watch's thread notes them, so this does little: a reading is made elsewhere, and later.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from lens.model.backlog import Backlog
from lens.model.fit.pending import PendingPod
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import FitState
from lens.model.fit.view import NOTHING_FIT, FitView
from lens.model.inventory.objects.pod_key import PodKey

MAX_WAITING = 64
"""Decisions that wait for a reading, each with a view of its own."""

MAX_ABSTENTIONS = 10_000
"""The most other decisions that wait to be counted."""

Abstention = Literal["busy", "changed", "deleted", "gated", "listed", "preemption", "raced"]
"""Why a decision isn't judged, besides what a reading names as not checked:

``busy``: there was no time for a reading. ``changed``: the pod itself changed with the decision. ``deleted``:
the pod was deleted before a decision, and so was a ``gated`` one, which had scheduling gates. ``listed``: a
list showed the decision, after a watch that had broken off. ``preemption``: other pods were or are evicted
for the pod. ``raced``: Lens had said otherwise, and a change at that time may be why.
"""


class Decision(msgspec.Struct, frozen=True):
    """A pending pod was bound to ``node``, or, if that is None, refused with ``message``.

    ``view`` is what the fit engine read right before, without the pod. ``at`` is the epoch second at which
    Lens saw the decision.
    """

    key: PodKey
    pod: PendingPod
    node: str | None
    message: str | None
    view: FitView
    at: float


class Decisions:
    """The decisions that haven't been judged yet. One thread adds them, and another one removes them."""

    def __init__(self, state: FitState, clock: Callable[[], float]) -> None:
        """Take the state that the same thread changes, and a clock of epoch seconds."""
        self._state = state
        self._clock = clock
        self._noted: Backlog[Decision] = Backlog(MAX_WAITING, MAX_WAITING)
        self._abstained: Backlog[str] = Backlog(MAX_ABSTENTIONS, MAX_ABSTENTIONS)
        self.view = NOTHING_FIT
        """The fit engine's view when it was last published."""

    def note(
        self,
        key: PodKey,
        before: PendingPod,
        after: PendingPod | FitPod | None,
        listed: bool,
    ) -> None:
        """Add the decision that a change of a pending pod shows. Call this before the state has the change.

        ``listed``: a list shows the change, so other changes may have come before it. Nothing is noted before
        the first publication, since the fit engine has read nothing then.
        """
        if self.view is NOTHING_FIT:
            return
        if isinstance(after, PendingPod):
            if after.refusal is None or after.refusal == before.refusal:
                return
            node, message = None, after.refusal
            if after.nominated is not None:
                self._abstain("preemption")
                return
            if after.asked != before.asked or after.labels != before.labels:
                self._abstain("changed")
                return
        elif after is not None and not after.nominated:
            node, message = after.node, None
        else:
            if after is None and before.refusal is None and not listed:
                self._abstain("gated" if before.asked.gates else "deleted")
            return
        if before.nominated is not None:
            self._abstain("preemption")
        elif listed:
            self._abstain("listed")
        elif len(self._noted) >= MAX_WAITING:
            self._abstain("busy")
        else:
            view = msgspec.structs.replace(self.view, fleet=self._state.fleet(), pending={})
            self._noted.add(Decision(key, before, node, message, view, self._clock()), 1)

    def _abstain(self, why: Abstention) -> None:
        self._abstained.add(why, 1)

    def take(self) -> tuple[list[Decision], list[str]]:
        """Remove and return all decisions, and why others aren't judged."""
        return self._noted.take(), self._abstained.take()
