"""The cluster's state: the latest snapshot, telemetry, alerts and events, each set by one writer."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import msgspec

from lens.model.alerts.alert import Alert
from lens.model.backlog import Backlog, size_of
from lens.model.events.terminations import Termination
from lens.model.events.transitions import Event
from lens.model.fit.record.decisions import Decisions
from lens.model.fit.record.record import FitRecord
from lens.model.fit.state import FitState
from lens.model.fit.view import NOTHING_FIT, FitView
from lens.model.gpu.telemetry import NO_TELEMETRY, Telemetry
from lens.model.inventory.owner_chains import NO_OWNER_CHAINS, OwnerChains
from lens.model.inventory.snapshot import EMPTY, Snapshot

MAX_TERMINATIONS = 20_000
"""The most terminations of pods that the monitor has not processed yet."""

MAX_EVENTS = 20_000
"""The most of the apiserver's Events that the monitor has not processed yet."""

MAX_BYTES = 8 * 2**20
"""The size of each of the two."""

Dropped = Callable[[str], object]
"""Is called for each dropped entry, with what it was: ``endings`` or ``events``."""


class AlertsAndEvents(msgspec.Struct, frozen=True):
    """The alerts, the most severe first, and the events, the newest first.

    ``at`` is the epoch second of the last evaluation, None before the first one. ``idle_since`` has, by the
    id of the condition GpusIdle, the epoch second since which it lasts, whether it is an alert or not yet.
    """

    at: float | None = None
    alerts: tuple[Alert, ...] = ()
    events: tuple[Event, ...] = ()
    idle_since: Mapping[str, float] = {}


class StateView(msgspec.Struct, frozen=True):
    """The cluster's state at one moment, as a value, and its age.

    ``synced`` is true once every resource has been listed; until then the snapshot is incomplete, and no
    response may use it. ``contacts`` has, by resource, the epoch second of the watch's last sign of life,
    ``confirmed_at`` that up to which the figures show all that happened. ``telemetry`` has ages of its
    own. ``skipped`` has, by resource, the number of objects that can't be decoded. ``owner_chains`` are
    the known chains of controllers above the pods. ``outage`` is the cause of the apiserver's present
    outage, None while there is none. ``unseen`` has the reason, by resource, why the objects of a
    resource are in no figure. ``fit`` is what the fit engine reads. ``fit_record`` says how often it was
    right; None before the first comparison.
    """

    snapshot: Snapshot
    synced: bool
    contacts: Mapping[str, float]
    telemetry: Telemetry = NO_TELEMETRY
    skipped: Mapping[str, int] = {}
    alerts_and_events: AlertsAndEvents = AlertsAndEvents()
    owner_chains: OwnerChains = NO_OWNER_CHAINS
    outage: str | None = None
    confirmed_at: float | None = None
    unseen: Mapping[str, str] = {}
    fit: FitView = NOTHING_FIT
    fit_record: FitRecord | None = None

    @property
    def current_at(self) -> float:
        """Return the epoch second at which the figures were last known to be current; 0.0 for never."""
        if self.confirmed_at is not None:
            return self.confirmed_at
        return min(self.contacts.values(), default=0.0)

    def age(self, now: float) -> float:
        """Return the seconds from ``current_at`` to ``now``."""
        return max(0.0, now - self.current_at)

    def differs_from(self, before: "StateView") -> bool:
        """Return whether anything but the times of signs of life may differ."""
        return (
            self.snapshot is not before.snapshot
            or self.telemetry is not before.telemetry
            or self.owner_chains is not before.owner_chains
            or self.unseen != before.unseen
            or (
                self.alerts_and_events is not before.alerts_and_events
                and (
                    self.alerts_and_events.alerts != before.alerts_and_events.alerts
                    or self.alerts_and_events.events != before.alerts_and_events.events
                )
            )
        )


class ClusterState:
    """The current state. Setting a part and reading the whole are atomic, so threads need no lock."""

    def __init__(
        self, dropped: Dropped = lambda _: None, changed: Callable[[], object] = lambda: None
    ) -> None:
        """Start without data. ``changed`` is called after the figures or the telemetry were set."""
        self._changed = changed
        self._counted = StateView(snapshot=EMPTY, synced=False, contacts={})
        self._telemetry = NO_TELEMETRY
        self.alerts_and_events = AlertsAndEvents()
        self.owner_chains = NO_OWNER_CHAINS
        self.outage: str | None = None
        self.fit_decisions = Decisions(FitState(), lambda: 0.0)
        """What the scheduler decides about pending pods, for the record of fit."""
        self.fit_record: FitRecord | None = None
        self._terminations: Backlog[Termination] = Backlog(
            MAX_TERMINATIONS, MAX_BYTES, partial(dropped, "endings")
        )
        self._kube_events: Backlog[Event] = Backlog(MAX_EVENTS, MAX_BYTES, partial(dropped, "events"))

    @property
    def current(self) -> StateView:
        """Return the whole state, as one value."""
        return msgspec.structs.replace(
            self._counted,
            telemetry=self._telemetry,
            alerts_and_events=self.alerts_and_events,
            owner_chains=self.owner_chains,
            outage=self.outage,
            fit_record=self.fit_record,
        )

    @current.setter
    def current(self, counted: StateView) -> None:
        """Set the counted figures; the other parts stay."""
        self._counted = counted
        self._changed()

    @property
    def telemetry(self) -> Telemetry:
        """Return the telemetry."""
        return self._telemetry

    @telemetry.setter
    def telemetry(self, telemetry: Telemetry) -> None:
        """Set the telemetry."""
        self._telemetry = telemetry
        self._changed()

    def add_termination(self, termination: Termination) -> None:
        """Add how a pod ended. Call this before the state without the pod is set."""
        self._terminations.add(termination, size_of(termination))

    def take_terminations(self) -> list[Termination]:
        """Remove and return all terminations. Call this after the state was read."""
        return self._terminations.take()

    def add_kube_events(self, events: Iterable[Event]) -> None:
        """Add Events of the apiserver."""
        for event in events:
            self._kube_events.add(event, size_of(event))

    def take_kube_events(self) -> list[Event]:
        """Remove and return all Events of the apiserver."""
        return self._kube_events.take()
