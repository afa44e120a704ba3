"""Throughput of an HTTP endpoint on loopback: a fixed number of requests in a closed loop."""

import json
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from tests.bench.peers import build
from tests.bench.process import usage


class Load(NamedTuple):
    """What came of a load: its length, latencies of requests, a body's length, the server's CPU a request."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    body_bytes: int
    server_cpu_ms: float

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def load(
    server: int, url: str, requests: int, connections: int = 8, headers: Mapping[str, str] | None = None
) -> Load:
    """GET `url` of the process `server` over keep-alive connections; any answer but 200 is an error."""
    args = [str(build.load()), "-url", url, "-requests", str(requests), "-connections", str(connections)]
    for name, value in (headers or {}).items():
        args += ["-header", f"{name}: {value}"]
    before = usage(server).cpu_s
    run = subprocess.run(args, capture_output=True, text=True, timeout=300, check=False)
    if run.returncode:
        raise RuntimeError(f"load on {url}: {run.stderr.strip()}")
    cpu_ms = 1000 * (usage(server).cpu_s - before) / requests
    return Load(**json.loads(run.stdout), server_cpu_ms=cpu_ms)
