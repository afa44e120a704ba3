"""The cluster's state: the latest snapshot, telemetry, alerts and events, each set by one writer."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from lens.model.alerts.alert import Alert
from lens.model.backlog import Backlog, size_of
from lens.model.events.terminations import Termination
from lens.model.events.transitions import Event
from lens.model.gpu.telemetry import NO_TELEMETRY, Telemetry
from lens.model.inventory.owner_chains import NO_OWNER_CHAINS, OwnerChains
from lens.model.inventory.snapshot import EMPTY, Snapshot

MOST_TERMINATIONS = 20_000
"""How many terminations of pods wait to be compared."""

MOST_TOLD = 20_000
"""How many of the apiserver's Events wait to be looked at."""

MOST_BYTES = 8 * 2**20
"""What each of the two may take."""

Dropped = Callable[[str], object]
"""Is told what had to go before it was looked at: ``endings``, ``events``."""


class AlertsAndEvents(msgspec.Struct, frozen=True):
    """What is wrong, the gravest first, and what has happened, the newest first.

    ``at`` is the epoch second of the last look, None until there was one.
    """

    at: float | None = None
    alerts: tuple[Alert, ...] = ()
    events: tuple[Event, ...] = ()


class StateView(msgspec.Struct, frozen=True):
    """The cluster's state at one moment, as a value, and how old it is.

    ``synced`` tells whether every resource has been listed once; until then the snapshot is a part of
    the truth and nobody's answer. ``contacts`` has, by resource, the epoch second at which the watch
    last gave a sign of life, so at which all that it had told was current. ``telemetry`` is what the
    GPUs are doing; it has its own ages. ``skipped`` counts, by resource, the objects that can't be read.
    ``owner_chains`` are how far the chains of controllers above the pods are known. ``outage`` is the cause
    of the apiserver's present outage, None while there is none.
    """

    snapshot: Snapshot
    synced: bool
    contacts: Mapping[str, float]
    telemetry: Telemetry = NO_TELEMETRY
    skipped: Mapping[str, int] = {}
    findings: AlertsAndEvents = AlertsAndEvents()
    owner_chains: OwnerChains = NO_OWNER_CHAINS
    outage: str | None = None

    @property
    def current_at(self) -> float:
        """Return the epoch second at which the figures were last known to be current; 0.0 for never."""
        return min(self.contacts.values(), default=0.0)

    def age(self, now: float) -> float:
        """Return the seconds since then."""
        return max(0.0, now - self.current_at)


class ClusterState:
    """Holds the current state. Setting its parts and reading it is atomic, so threads need no lock."""

    def __init__(
        self, dropped: Dropped = lambda _: None, changed: Callable[[], object] = lambda: None
    ) -> None:
        """Start with nothing known. ``changed`` is called after the figures or the telemetry were set."""
        self._changed = changed
        self._counted = StateView(snapshot=EMPTY, synced=False, contacts={})
        self._telemetry = NO_TELEMETRY
        self.findings = AlertsAndEvents()
        self.owner_chains = NO_OWNER_CHAINS
        self.outage: str | None = None
        self._terminations: Backlog[Termination] = Backlog(
            MOST_TERMINATIONS, MOST_BYTES, partial(dropped, "endings")
        )
        self._told: Backlog[Event] = Backlog(MOST_TOLD, MOST_BYTES, partial(dropped, "events"))

    @property
    def current(self) -> StateView:
        """Return all that is known, as one value."""
        return msgspec.structs.replace(
            self._counted,
            telemetry=self._telemetry,
            findings=self.findings,
            owner_chains=self.owner_chains,
            outage=self.outage,
        )

    @current.setter
    def current(self, counted: StateView) -> None:
        """Set what was counted; all else stays what it is."""
        self._counted = counted
        self._changed()

    @property
    def telemetry(self) -> Telemetry:
        """Return what the GPUs are doing."""
        return self._telemetry

    @telemetry.setter
    def telemetry(self, telemetry: Telemetry) -> None:
        """Set what the GPUs are doing."""
        self._telemetry = telemetry
        self._changed()

    def note_termination(self, termination: Termination) -> None:
        """Leave word of how a pod ended. To be called before the state is set that no longer has the pod."""
        self._terminations.add(termination, size_of(termination))

    def take_terminations(self) -> list[Termination]:
        """Return those that nobody has taken yet. To be called after the state was read."""
        return self._terminations.take()

    def tell(self, events: Iterable[Event]) -> None:
        """Leave word of what the apiserver's Events tell."""
        for event in events:
            self._told.add(event, size_of(event))

    def take_told(self) -> list[Event]:
        """Return what nobody has taken yet."""
        return self._told.take()
