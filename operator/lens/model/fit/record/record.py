"""Compares Lens' predictions for pending pods with the scheduler's decisions, and counts the results."""

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from lens.model.fit.deadline import Check, OutOfTimeError
from lens.model.fit.reading import read_fit
from lens.model.fit.record.case import Case, make_case
from lens.model.fit.record.decisions import Decision
from lens.model.fit.record.judgement import Moment, agrees, contradicting_node, moment
from lens.model.fit.result import FitResult
from lens.model.fit.view import FitView
from lens.model.inventory.objects.pod_key import PodKey

BEFORE_SECONDS = 10.0
AFTER_SECONDS = 5.0
"""Between these the scheduler has decided, whatever Lens or the scheduler learned of late."""

KEPT_SECONDS = BEFORE_SECONDS + AFTER_SECONDS + 5.0
"""How long moments are kept: until decisions are judged, and a little longer in case that is late."""

LONGEST_AGE_SECONDS = 5.0
"""The maximum age of the data. Earlier moments prove nothing if it is older."""

MAX_CASES = 50
MAX_CASE_BYTES = 4 * 2**20
"""The bounds of the wrong predictions that are kept; the latest are."""

MAX_OPEN = 64
"""Contradictions that wait until they can be judged."""

RIGHT, WRONG = "right", "wrong"


class Disagreement(msgspec.Struct, frozen=True):
    """A prediction that the scheduler contradicted.

    ``at`` is the epoch second, ``said`` and ``because`` what Lens said, ``node`` where the pod was bound, and
    ``message`` the scheduler's refusal.
    """

    at: float
    key: PodKey
    said: Literal["yes", "no"]
    because: str | None
    node: str | None
    message: str | None
    case: Case


class FitRecord(msgspec.Struct, frozen=True):
    """How often Lens was right since epoch second ``since``; the latest wrong predictions, newest first."""

    since: float
    right: int = 0
    wrong: int = 0
    abstained: Mapping[str, int] = {}
    cases: tuple[Disagreement, ...] = ()


class _Open(msgspec.Struct, frozen=True):
    decision: Decision
    read: FitResult


class Recorder:
    """The record of one cluster. For use by one thread at a time."""

    def __init__(self, since: float) -> None:
        """Start with nothing compared yet."""
        self._since = since
        self._counts: Counter[str] = Counter()
        self._judged: Counter[str] = Counter()
        self._cases: deque[Disagreement] = deque()
        self._moments: deque[Moment] = deque()
        self._open: deque[_Open] = deque()

    @property
    def record(self) -> FitRecord:
        """Return the record as a value."""
        cases = tuple(reversed(self._cases))
        abstained = {name: number for name, number in self._counts.items() if name not in (RIGHT, WRONG)}
        return FitRecord(self._since, self._counts[RIGHT], self._counts[WRONG], abstained, cases)

    def tick(
        self,
        view: FitView,
        age: float,
        decisions: Iterable[Decision],
        abstained: Iterable[str],
        now: float,
        check_time: Check,
    ) -> Mapping[str, int]:
        """Judge what was decided, and return how many are ``right`` or ``wrong``, or why they aren't judged.

        Call this about once a second.

        ``view`` is what the fit engine reads at epoch second ``now``, and was current ``age`` seconds ago.
        ``abstained`` says why other decisions aren't judged. ``check_time`` raises when there is no more
        time.
        """
        self._judged = Counter(abstained)
        if age > LONGEST_AGE_SECONDS or (self._moments and now < self._moments[-1].at):
            # Neither an old view nor one after the clock was set back proves which state there was when.
            self._moments.clear()
            self._give_up(self._open)
            self._open.clear()
        self._read(list(decisions), check_time)
        while self._open and now - self._open[0].decision.at >= AFTER_SECONDS:
            self._judge(self._open.popleft(), view, check_time)
        self._moments.append(moment(now, view))
        while len(self._moments) > 1 and self._moments[1].at <= now - KEPT_SECONDS:
            self._moments.popleft()
        self._counts += self._judged
        return self._judged

    def _read(self, decisions: Sequence[Decision], check_time: Check) -> None:
        known: dict[Hashable, FitResult] = {}
        for decision in decisions:
            fleet = decision.view.fleet
            key = (id(fleet), id(decision.view.devices_unseen), decision.pod.shape(fleet))
            read = known.get(key)
            if read is None:
                try:
                    check_time()
                    read = known[key] = read_fit(decision.view, decision.pod, check_time)
                except OutOfTimeError:
                    self._judged["busy"] += 1
                    continue
            if read.fits == "unknown" or not read.complete:
                self._judged[read.not_checked[0]] += 1
            elif agrees(decision, read):
                self._judged[RIGHT] += 1
            else:
                self._open.append(_Open(decision, read))
                if len(self._open) > MAX_OPEN:
                    self._give_up((self._open.popleft(),))

    def _moments_since(self, at: float) -> Sequence[Moment]:
        """Return the moments since one that is certainly before what the scheduler saw; none if none is."""
        earlier = sum(each.at <= at - BEFORE_SECONDS for each in self._moments)
        return list(self._moments)[earlier - 1 :] if earlier else ()

    def _judge(self, found: _Open, view: FitView, check_time: Check) -> None:
        node = None
        try:
            if moments := self._moments_since(found.decision.at):
                node = contradicting_node(found.decision, moments, view, check_time)
        except OutOfTimeError:
            self._judged["busy"] += 1
            return
        if node is None:
            self._give_up((found,))
            return
        self._judged[WRONG] += 1
        decision, read = found.decision, found.read
        self._cases.append(
            Disagreement(
                at=decision.at,
                key=decision.key,
                said="no" if decision.node is not None else "yes",
                because=read.message,
                node=decision.node,
                message=decision.message,
                case=make_case(decision.pod.whole(), decision.view.fleet, node),
            )
        )
        while len(self._cases) > MAX_CASES or sum(each.case.size for each in self._cases) > MAX_CASE_BYTES:
            self._cases.popleft()

    def _give_up(self, found: Iterable[_Open]) -> None:
        self._judged["raced"] += sum(1 for _ in found)
