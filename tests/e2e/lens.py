"""Lens as a user runs it: `lens serve` in a process of its own, asked over HTTP."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

CLUSTER = "e2e"


@dataclass(frozen=True)
class Answer:
    """What an endpoint said."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """Return the envelope's data."""
        data: dict[str, Any] = self.body["data"]
        return data


class Lens:
    """A running `lens serve`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, url: str) -> None:
        """Take a process that listens."""
        self.process = process
        self.log = log
        self.url = url

    @classmethod
    def start(cls, kubeconfig: Path, log: Path, settings: Mapping[str, str] | None = None) -> "Lens":
        """Start it and wait until it listens."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
        environment |= {
            "LENS_CLUSTER": CLUSTER,
            "LENS_AUTH": "none",
            "LENS_LISTEN": "127.0.0.1:0",
            "LENS_KUBECONFIG": str(kubeconfig),
            # Changes are waited for by asking 50 times a second.
            "LENS_REQUESTS_PER_MINUTE": "1000000",
            **(settings or {}),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "lens", "serve"], env=environment, stdout=output, stderr=output
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            for line in log.read_text().splitlines():
                entry = json.loads(line)
                if entry["event"] == "listening":
                    return cls(process, log, f"http://{entry['address']}")
            time.sleep(0.05)
        process.kill()
        raise RuntimeError(f"lens serve doesn't listen:\n{log.read_text()}")

    def stop(self) -> int:
        """End it with SIGTERM; return its exit status."""
        self.process.terminate()
        return self.process.wait(timeout=30)

    def pause(self) -> None:
        """Freeze it, as a node does that swaps."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Thaw it."""
        self.process.send_signal(signal.SIGCONT)

    async def get(self, path: str, **params: str) -> Answer:
        """Ask for the present, not for what is cached."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                self.url + path,
                params={"cluster": CLUSTER, **params},
                headers={"Cache-Control": "no-cache"},
                timeout=aiohttp.ClientTimeout(total=30),
            ) as response,
        ):
            return Answer(response.status, await response.json())

    async def status(self) -> dict[str, Any]:
        """Return the status with its nodes."""
        answer = await self.get("/api/v1/realtime/status", include="nodes")
        assert answer.status == 200, answer
        return answer.data

    async def tasks(self) -> list[dict[str, Any]]:
        """Return the running tasks."""
        answer = await self.get("/api/v1/realtime/running-tasks")
        assert answer.status == 200, answer
        assert answer.data["total_tasks"] == len(answer.data["tasks"])
        tasks: list[dict[str, Any]] = answer.data["tasks"]
        return tasks

    async def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        return sum(float(line.rpartition(" ")[2]) for line in await self.samples(name))

    async def samples(self, name: str) -> list[str]:
        """Return the lines of a metric."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as response:
            lines = (await response.text()).splitlines()
        return [line for line in lines if line.split("{")[0].split(" ")[0] == name]

    async def wait_ready(self, deadline_s: float = 60) -> float:
        """Wait until both lists are in; return the seconds."""
        start = time.monotonic()
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"{self.url}/readyz") as response:
                    if response.status == 200:
                        return time.monotonic() - start
                if time.monotonic() - start > deadline_s:
                    raise TimeoutError(f"not ready: see {self.log}")
                await asyncio.sleep(0.02)
