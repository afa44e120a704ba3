"""What came of an attack, held against its bounds."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tests.attack.others import P99_BOUND_MS

GROWTH_BOUND_MIB = 32.0
SEQUENCE_BOUND_MIB = 256.0

_COLUMNS = "{:>3}  {:<22} {:>10} {:>6} {:>6} {:>8} {:>8} {:>6} {:>6}  {}"
HEADER = _COLUMNS.format(
    *("row", "case", "MiB before", "peak", "after", "quiet ms", "p99 ms", "failed", "back s", "")
)


@dataclass
class Outcome:
    """Memory is RSS in MiB; the others' p99 in ms, before it and meanwhile; recovery in seconds after it.

    What wasn't measured is None. `problems` say what is over its bound, in words.
    """

    row: int
    case: str
    who: str
    what: str
    limit: str
    seconds: float = 0.0
    survived: bool = True
    before_mib: float | None = None
    peak_mib: float | None = None
    after_mib: float | None = None
    quiet_p99_ms: float | None = None
    others_p99_ms: float | None = None
    others_asked: int | None = None
    others_failed: int | None = None
    recovery_s: float | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def judge(self, *, short: bool) -> None:
        """Add what is over its bound to the problems.

        In the short form a latency is noted only: its p99 is the third slowest of some 300 requests, which
        on a machine that others use tells of them.
        """
        if self.before_mib is not None and self.after_mib is not None:
            growth = self.after_mib - self.before_mib
            if growth > GROWTH_BOUND_MIB:
                self.problems.append(f"RSS has grown by {growth:.0f} MiB")
        if self.others_failed:
            self.problems.append(f"{self.others_failed} of others' {self.others_asked} requests failed")
        if self.others_p99_ms is not None and self.others_p99_ms > P99_BOUND_MS:
            late = self.notes if short else self.problems
            late.append(f"others' p99 was {self.others_p99_ms:.0f} ms")

    @property
    def line(self) -> str:
        """Return a line of the table."""
        memory = (_shown(each) for each in (self.before_mib, self.peak_mib, self.after_mib))
        waits = (_shown(each, 1) for each in (self.quiet_p99_ms, self.others_p99_ms))
        rest = (
            _shown(self.others_failed),
            _shown(self.recovery_s, 1),
            "; ".join((*self.problems, *self.notes)) or "ok",
        )
        return _COLUMNS.format(self.row or "", self.case, *memory, *waits, *rest)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def _shown(value: float | None, places: int = 0) -> str:
    return "-" if value is None else f"{value:.{places}f}"
