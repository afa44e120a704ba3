"""A resource that not every apiserver serves, and for which Lens may lack the permission.

Without it the rest is still counted. So its failures are no outage: they are the reason why it is unseen.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from lens.kube.watch.reflector import Reflector
from lens.metrics import Metrics
from lens.model.fit.fit_store import FitStore
from lens.model.inventory.decoding.decoder import Decoder
from lens.model.inventory.store import Store
from lens.model.k8s.bounds import LONGEST_MESSAGE, short

K = TypeVar("K", bound=tuple[str, str] | str)
V = TypeVar("V")

_log = logging.getLogger(__name__)


class OptionalResource(Generic[K, V]):
    """The objects of one resource, over all runs of kopf, and why they are unseen, if they are."""

    def __init__(
        self,
        name: str,
        kind: str,
        decoder: Decoder[K, V],
        store: Store[K, V],
        metrics: Metrics,
        grace: float,
        retry_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        what: str = "in no figure",
        fit_store: FitStore[Any, Any] | None = None,
    ) -> None:
        """``grace`` is the time in seconds in which a failure may pass, ``retry_seconds`` the time
        between requests that are forbidden. ``what`` says for the log what an unseen resource is.
        ``fit_store`` gets the objects as the fit engine reads them.
        """
        self.name = name
        self.kind = kind
        self.store = store
        self.unseen: str | None = None
        self.is_forbidden = False
        self._decoder = decoder
        self._metrics = metrics
        self._grace = grace
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._what = what
        self._fit_store = fit_store
        self._reflector: Reflector[K, V] | None = None
        self._failure: str | None = None
        self._waiting_since: float | None = None

    @property
    def is_resolved(self) -> bool:
        """Return whether its objects are known, or known to be unseen."""
        return self.store.synced or self.unseen is not None

    def reflector(self, clock: Callable[[], float], on_progress: Callable[[bool], None]) -> Reflector[K, V]:
        """Return the reflector of a new run of kopf."""
        self._failure, self.is_forbidden = None, False
        self._reflector = Reflector(
            self.name,
            self.kind,
            self._decoder,
            self.store,
            self._metrics,
            clock,
            on_progress,
            fit_store=self._fit_store,
        )
        return self._reflector

    def not_served(self, unseen: str | None) -> None:
        """Remove all objects. ``unseen`` is None if the resource isn't served."""
        self._failure, self.is_forbidden, self._waiting_since = None, False, None
        self._forget()
        self._reflector = None
        self._set_unseen(unseen)

    # The results of requests

    @property
    def pause(self) -> float:
        """Return the least seconds before the next request."""
        return self._retry_seconds if self.is_forbidden else 0.0

    def failed(self, _path: str, cause: str) -> None:
        """Record the failure of a request."""
        self._failure = short(cause, LONGEST_MESSAGE)
        self.is_forbidden = False

    def succeeded(self, _path: str) -> None:
        """Record the success of a request."""
        self._failure, self.is_forbidden = None, False

    # What follows from them

    def assess(self, lag: float) -> None:
        """Decide whether the resource is unseen.

        ``lag`` is by how many seconds its objects are known less recently than pods and nodes. Where all are
        equally old, the apiserver is gone, and the last figures are kept whole.
        """
        now = self._clock()
        if self.store.synced:
            self._waiting_since = now
            if lag < self._grace:
                self._set_unseen(None)
            else:
                self._forget()
                self._set_unseen(self._failure or f"its watch has had no response for {self._grace:g} s")
            return
        if self._waiting_since is None:
            self._waiting_since = now
        if self.unseen is not None or self.is_forbidden or now - self._waiting_since >= self._grace:
            self._set_unseen(self._failure or self.unseen or f"its first list takes over {self._grace:g} s")

    def _forget(self) -> None:
        if self._reflector is not None:
            self._reflector.forget()
        else:
            self.store.clear()
            if self._fit_store is not None:
                self._fit_store.clear()

    def _set_unseen(self, reason: str | None) -> None:
        """Set why the resource is unseen, and log it once."""
        if reason is not None and self.unseen is None:
            _log.warning(
                "a resource can't be read and is %s",
                self._what,
                extra={"resource": self.name, "error": reason},
            )
        elif reason is None and self.unseen is not None:
            _log.warning("a resource is in the figures again", extra={"resource": self.name})
        self.unseen = reason
