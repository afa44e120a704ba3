"""The agent's process: create its parts, run them, stop them."""

import asyncio
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable

from lens.agent.gpu.xid_watch import XidLog, XidWatch
from lens.agent.podresources.poller import PodResourcesPoller
from lens.agent.report.report_cache import ReportCache
from lens.agent.sampler import FORGET_SECONDS, Sampler
from lens.agent.server import Server
from lens.agent.settings import AgentSettings
from lens.model.k8s.gpu_resources import GpuResources

_log = logging.getLogger("lens.agent")


async def serve(
    settings: AgentSettings,
    on_listening: Callable[[Server], object],
    forget_seconds: float = FORGET_SECONDS,
) -> None:
    """Run the agent until SIGTERM, SIGINT or SIGHUP. Raise SettingsError if it can't start.

    A hanging GPU's last values are reported for ``forget_seconds``, or three intervals if that is longer.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    xids = XidLog()
    job_failures: Counter[str] = Counter()

    def count_failures(job: str, failures: int) -> None:
        job_failures.update({job: failures})

    sampler = Sampler(
        settings.interval_seconds,
        XidWatch(xids, count_failures=count_failures),
        forget_seconds=forget_seconds,
        count_failures=count_failures,
    )
    poller = PodResourcesPoller(
        settings.podresources_socket,
        GpuResources(settings.gpu_resources),
        settings.interval_seconds,
        count_failures=count_failures,
    )
    reports = ReportCache(
        settings.node,
        settings.interval_seconds,
        time.time(),
        lambda: sampler.sample,
        lambda: poller.allocations,
        xids,
        dcgm_names=settings.dcgm_names,
    )
    server = Server(settings, reports, sampler.problem, job_failures)
    await server.start()
    sampler.start()
    poller.start()
    try:
        on_listening(server)
        await stop.wait()
        _log.info("stopping")
    finally:
        sampler.stop()
        poller.stop()
        await server.stop()
