"""What an answer costs: the status against a bare aiohttp handler, and against itself on more nodes."""

import hashlib
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.bench.api.http_load import Load, load
from tests.bench.figures import Figures
from tests.bench.peers.build import PEERS
from tests.bench.process import Process
from tests.bench.turns import Spread, in_turns

TOKEN = "bench-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PAST_CACHE = {**HEADERS, "Cache-Control": "no-cache"}
SIZES = (100, 1_000, 10_000)
REQUESTS = 5_000


def measure(figures: Figures, rounds: int) -> None:
    """Add the figures of the status endpoint. Needs no cluster."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tokens = folder / "tokens.yaml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(f"tokens: [{{name: bench, sha256: {digest}}}]")
        lens = {
            nodes: _started(
                stack, ["-m", "tests.bench.api.lens_server", "--nodes", str(nodes), "--tokens", str(tokens)]
            )
            for nodes in SIZES
        }
        path = "/api/v1/realtime/status?cluster=bench"
        size = _load(lens[SIZES[0]], path, HEADERS, requests=100).body_bytes
        bare = _started(stack, ["-P", str(PEERS / "bare_aiohttp.py"), "--bytes", str(size)])

        def contestant(
            server: tuple[Process, int], path: str, headers: Mapping[str, str]
        ) -> Callable[[], Mapping[str, float]]:
            def run() -> Mapping[str, float]:
                done = _load(server, path, headers)
                return {"per_second": done.per_second, "cpu_ms": done.server_cpu_ms}

            return run

        contestants = {
            "bare": contestant(bare, "/status", {}),
            "hit": contestant(lens[1_000], path, HEADERS),
            **{f"fresh {nodes}": contestant(lens[nodes], path, PAST_CACHE) for nodes in SIZES},
        }
        spreads = in_turns(contestants, rounds)

    def per_second(name: str) -> float:
        return spreads[name]["per_second"].median

    def cpu_ms(name: str) -> Spread:
        return spreads[name]["cpu_ms"]

    figures.add("status_hit_vs_bare", per_second("hit"), "1/s", per_second("bare"))
    figures.add("status_fresh_vs_bare", per_second("fresh 1000"), "1/s", per_second("bare"))
    for nodes in SIZES:
        figures.add(
            f"status_cpu_ms_{nodes}_nodes", cpu_ms(f"fresh {nodes}").median, "ms", cpu_ms("bare").median
        )
    figures.add(
        "status_cost_10000_vs_100_nodes",
        cpu_ms("fresh 10000").median,
        "ms",
        cpu_ms("fresh 100").median,
    )


def _started(stack: ExitStack, args: list[str]) -> tuple[Process, int]:
    process = stack.enter_context(Process([sys.executable, *args]))
    return process, int(process.ready().line["port"])


def _load(
    server: tuple[Process, int], path: str, headers: Mapping[str, str], requests: int = REQUESTS
) -> Load:
    process, port = server
    return load(process.pid, f"http://127.0.0.1:{port}{path}", requests, headers=headers)
