"""One run of kopf, in a thread and an event loop of its own."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import kopf

from lens.kube.client.api_client import ApiClient
from lens.kube.client.kubeconfig import Connection, ConnectionFailedError
from lens.kube.client.restarts import Restarts
from lens.kube.watch.kopf_settings import Timeouts, WatchedResource, registry, settings
from lens.kube.watch.liveness import Liveness
from lens.kube.watch.outage import Outage
from lens.kube.watch.reflector import Reflector
from lens.kube.watch.resources.discovery import MAX_BODY_BYTES, TIMEOUT_SECONDS, Discovery
from lens.kube.watch.resources.optional_resource import OptionalResource
from lens.kube.watch.transport import Transport
from lens.metrics import Metrics
from lens.model.inventory.objects.pod import PodKey

STOP_SECONDS = 3.0
"""For kopf to stop as it does, and then for its tasks to be cancelled once more."""

LOGIN_SECONDS = 1.0
"""The most time between two logins. The requests that follow a login have pauses of their own."""

_log = logging.getLogger(__name__)


class Readers(NamedTuple):
    """The readers of one run of kopf: reflectors, those of optional resources, the probes with a callback."""

    reflectors: Mapping[WatchedResource, Reflector[Any, Any]]
    optional: Mapping[WatchedResource, OptionalResource[Any, Any]]
    liveness: Liveness
    on_answer: Callable[[], object]


class KopfThread:
    """One run of kopf. What it reads after it was stopped is ignored."""

    def __init__(
        self,
        make_readers: Callable[[], Readers],
        discovery: Discovery,
        connection: Connection,
        metrics: Metrics,
        timeouts: Timeouts,
        outage: Outage,
        daemonset: PodKey | None,
        counted: Collection[str],
        on_end: Callable[[], object],
    ) -> None:
        """``make_readers`` is called in the thread after discovery, ``on_end`` when kopf has ended or is to.

        ``counted`` are the resources whose watches may not stall.
        """
        self._make_readers = make_readers
        self._discovery = discovery
        self._counted = counted
        self.is_outdated = False
        self._connection = connection
        self._metrics = metrics
        self._timeouts = timeouts
        self._outage = outage
        self._daemonset = daemonset
        self._on_end = on_end
        self._reflectors: Collection[Reflector[Any, Any]] = ()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_flag: asyncio.Event | None = None
        self._ready = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop kopf and wait for a while. A hanging thread is abandoned, and can't change the ledger.

        A watcher of kopf's that is cancelled just when it begins again goes on (``streaming_block`` ignores
        the cancellation), and kopf waits for it for ever. So all tasks are cancelled once more.
        """
        self._ready.wait(STOP_SECONDS)
        for act in (self._set_stop_flag, self._cancel_tasks):
            if self._thread.is_alive() and self._loop is not None:
                with contextlib.suppress(RuntimeError):  # its loop may have been closed just now
                    self._loop.call_soon_threadsafe(act)
                self._thread.join(STOP_SECONDS)
        for reflector in self._reflectors:
            reflector.retire()

    def _set_stop_flag(self) -> None:
        if self._stop_flag is not None:
            self._stop_flag.set()

    def _cancel_tasks(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def stalled(self, since: float) -> list[str]:
        """Return the resources without activity since the epoch second ``since``."""
        return [
            reflector.resource
            for reflector in self._reflectors
            if reflector.resource in self._counted and reflector.last_activity < since
        ]

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except Exception:
            _log.exception("kopf has ended; restarting it")
        finally:
            self._ready.set()
            self._on_end()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_flag = asyncio.Event()
        self._ready.set()
        self._outage.started_anew()
        client = ApiClient(lambda: self._connection, TIMEOUT_SECONDS, MAX_BODY_BYTES)
        try:
            if await self._discovers(client):
                await self._watch(client)
        finally:
            await client.close()

    async def _watch(self, client: ApiClient) -> None:
        """Watch what has been discovered, until something else is."""
        readers = self._make_readers()
        self._reflectors = readers.reflectors.values()
        transport = Transport(
            self._connection,
            {each.path: reflector for each, reflector in readers.reflectors.items()},
            self._metrics,
            Restarts(),
            self._outage,
            self._timeouts.request,
            self._timeouts.head,
            self._timeouts.silence,
            {each.path: resource for each, resource in readers.optional.items()},
        )
        logins = Restarts(LOGIN_SECONDS)

        async def login() -> kopf.AiohttpSession:
            # kopf calls this again, at once, for every 401 that remains after a reload.
            while True:
                await asyncio.sleep(logins.delay("login", time.monotonic()))
                try:
                    await asyncio.to_thread(self._connection.load)
                except ConnectionFailedError as error:
                    _log.warning("the configuration can't be read", extra={"error": str(error)})
                else:
                    return kopf.AiohttpSession(
                        server=self._connection.server, aiohttp_session=transport.session()
                    )

        jobs = (
            asyncio.create_task(
                readers.liveness.probe(transport, readers.on_answer, self._metrics.count_job_failures)
            ),
            asyncio.create_task(self._follow_discovery(client)),
        )
        try:
            await self._operate(login, readers.reflectors)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await transport.close()

    async def _discovers(self, client: ApiClient) -> bool:
        """Discover the resources to watch; return false if kopf has to stop before they are known."""
        assert self._stop_flag is not None
        discovering = asyncio.create_task(self._discovery.discover(client))
        stopping = asyncio.create_task(self._stop_flag.wait())
        try:
            await asyncio.wait((discovering, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (discovering, stopping):
                task.cancel()
            await asyncio.gather(discovering, stopping, return_exceptions=True)
        return not self._stop_flag.is_set()

    async def _follow_discovery(self, client: ApiClient) -> None:
        """Stop kopf when it is to watch other resources: it discovers only when it starts."""
        assert self._stop_flag is not None
        await self._discovery.until_changed(client, self._metrics.count_job_failures)
        _log.info(
            "the apiserver serves other resources; restarting kopf",
            extra={"resources": dict(self._discovery.served.versions)},
        )
        self.is_outdated = True
        self._stop_flag.set()
        self._on_end()

    async def _operate(
        self, login: Callable[[], Awaitable[kopf.AiohttpSession]], watched: Iterable[WatchedResource]
    ) -> None:
        assert self._stop_flag is not None
        await kopf.operator(
            # If kopf ends by itself without the flag, its waiter for the flag delays the end by 5 s.
            registry=registry(login, self._stop_flag.set, watched),
            settings=settings(self._timeouts, self._daemonset),
            standalone=True,
            clusterwide=True,
            # Without an identity kopf asks for its user's name, and a numeric user, as in the image, has
            # none.
            identity="lens",  # type: ignore[arg-type]  # kopf's own type of text, which it doesn't export
            stop_flag=self._stop_flag,
        )
