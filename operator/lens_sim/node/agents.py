"""Real agents on simulated nodes: a `lens agent` process for each, one stopped now and then."""

import asyncio
import contextlib
import os
import random
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from lens_sim.cluster.fleet import Fleet
from lens_sim.cluster.nodes import loopback
from lens_sim.node.host import Host
from lens_sim.node.nvml import library

# Ranges of seconds.
_QUIET = (600.0, 1_200.0)
_XID_COMES = (30.0, 60.0)
_AWAY = (30.0, 60.0)

_XID = 94  # a contained memory error: NVIDIA asks for a reset of the GPU when it is idle

_SAMPLING = 5.0
_LOOK = 1.0  # how often machines are made to follow their pods, in seconds
_PATIENCE = 60.0
_GRACE = 5.0
_PR_SET_PDEATHSIG = 1  # prctl(2)

# The agents end with this process, however it ends. They run at low priority.
_LEASH = f"""\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, signal.SIGKILL)
os.nice(10)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class UnavailableError(Exception):
    """There can't be agents on this machine; the message says why."""


class Provisions:
    """The requirements of agents: the simulated library, a token, and a port free on all their addresses."""

    def __init__(self, folder: Path, token: str, count: int) -> None:
        """Provide for the first `count` nodes, in a folder of their own. Raise UnavailableError."""
        self.folder = folder
        self.count = count
        self.token_file = folder / "agents-token"
        self.token_file.write_text(token)
        try:
            self.library = library.build()
            self._sockets = _bound([loopback(number) for number in range(1, count + 1)])
        except (library.CompilerError, OSError) as error:
            raise UnavailableError(str(error)) from error
        self.port: int = self._sockets[0].getsockname()[1]

    def close(self) -> None:
        """Give up the port."""
        for each in self._sockets:
            each.close()


def _bound(addresses: Sequence[str], attempts: int = 20) -> list[socket.socket]:
    """Bind one port on all addresses, which nobody else gets while the sockets are open. Raise OSError."""
    with contextlib.ExitStack() as bound:
        sockets = [bound.enter_context(socket.socket()) for _ in addresses]
        port = 0
        try:
            for each, address in zip(sockets, addresses, strict=True):
                # An agent can listen beside a socket that only holds the port, if both say so.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                each.bind((address, port))
                port = sockets[0].getsockname()[1]
        except OSError:
            if attempts == 1:
                raise
        else:
            bound.pop_all()
            return sockets
    return _bound(addresses, attempts - 1)


class Agent:
    """One node's agent: its machine, and its process while there is one."""

    def __init__(self, host: Host, port: int, log: Path) -> None:
        self.host = host
        self.node = host.node
        self.address = f"{host.node.loopback}:{port}"
        self.log = log
        self.process: asyncio.subprocess.Process | None = None
        self.told_to_stop = False

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"http://{self.address}"

    @property
    def runs(self) -> bool:
        """Return whether there is a process."""
        return self.process is not None and self.process.returncode is None

    async def start(self, provisions: Provisions) -> None:
        """Start the process and wait until it listens; end one that doesn't come to it."""
        self.told_to_stop = False
        command = [
            *(sys.executable, "-m", "lens", "agent", "--node", self.node.name, "--listen", self.address),
            *("--token-file", str(provisions.token_file), "--podresources-socket", str(self.host.socket)),
            *("--interval-seconds", f"{_SAMPLING:g}", "--log-level", "warning", "--log-format", "text"),
        ]
        leashed = [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid()), *command]
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *leashed,
                env=_environment(library.environment(provisions.library, self.host.scenario)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl+C is for the process that started it.
                start_new_session=True,
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while self.runs:
                    if await _listens(self.address):
                        return
                    await asyncio.sleep(0.1)
        await self.stop()

    async def stop(self) -> None:
        """End the process."""
        if self.process is None or self.process.returncode is not None:
            return
        self.told_to_stop = True
        self.process.terminate()
        try:
            async with asyncio.timeout(_GRACE):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def last_words(self) -> str:
        """Return the last line that the process wrote."""
        return (self.log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]


class Agents:
    """The agents of a fleet's first nodes, as many as there are provisions for, and their failures.

    That follows from `seed`, and `say` gets it in words.
    """

    def __init__(
        self,
        fleet: Fleet,
        provisions: Provisions,
        seed: int,
        clock: Callable[[], datetime],
        say: Callable[[str], object],
    ) -> None:
        folder = provisions.folder
        self.agents = [
            Agent(Host(node, folder), provisions.port, folder / f"{node.name}.log")
            for node in fleet.nodes[: provisions.count]
        ]
        self._fleet = fleet
        self._provisions = provisions
        self._chance = random.Random(seed)  # noqa: S311 - a seed is what makes two runs equal
        self._clock = clock
        self._say = say

    async def run(self, on_all_started: Callable[[], object]) -> None:
        """Start one after another and keep them until cancelled; all have ended then."""
        for agent in self.agents:
            agent.host.start(self._fleet.pods_on(agent.node))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                for agent in self.agents:
                    await self._start(agent)
                on_all_started()
                for agent in self.agents:
                    tasks.create_task(self._keep(agent))
                tasks.create_task(self._disturb())
                tasks.create_task(self._report_xid())
        finally:
            await asyncio.gather(*(agent.stop() for agent in self.agents))
            for agent in self.agents:
                agent.host.stop()
            self._provisions.close()

    async def _follow(self) -> None:
        while True:
            for agent in self.agents:
                agent.host.follow(self._fleet.pods_on(agent.node))
            await asyncio.sleep(_LOOK)

    async def _start(self, agent: Agent) -> None:
        await agent.start(self._provisions)
        if agent.runs:
            self._fleet.agent_runs(agent.node, self._clock(), runs=True)

    async def _keep(self, agent: Agent) -> None:
        """Restart an agent that has ended, after a while without reports of its GPUs."""
        while True:
            assert agent.process is not None
            status = await agent.process.wait()
            away = self._chance.uniform(*_AWAY)
            self._fleet.agent_runs(agent.node, self._clock(), runs=False)
            if agent.told_to_stop:
                how = "was stopped"
            elif status < 0:
                how = f"was ended by signal {-status}"
            else:
                how = f"ended by itself ({agent.last_words()})"
            self._say(
                f"The agent of {agent.node.name} {how}: what its GPUs do becomes unknown. "
                f"It is started again in {away:.0f} s."
            )
            await asyncio.sleep(away)
            await self._start(agent)
            if agent.runs:
                self._say(f"The agent of {agent.node.name} is back.")

    async def _report_xid(self) -> None:
        """Let one GPU report one XID error."""
        await asyncio.sleep(self._chance.uniform(*_XID_COMES))
        agent = self._chance.choice(self.agents)
        gpu = self._chance.choice(agent.node.devices.uuids)
        agent.host.report_xid(gpu, _XID, self._fleet.pods_on(agent.node))

    async def _disturb(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*_QUIET))
            await self._chance.choice(self.agents).stop()


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _environment(library: Mapping[str, str]) -> dict[str, str]:
    """Return the agent's environment: no settings from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
    return {**kept, **library}
