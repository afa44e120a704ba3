"""A Lens that answers with the rows of ``cluster``, for who may see everything or one namespace."""

import json
import math
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.contract.client import cluster

TOKEN = "a-token"
NAMESPACED_TOKEN = "a-token-of-research"
REALTIME = "/api/v1/realtime"


class FakeLens:
    """The server: what it answers, what it was asked, and what its streams still send."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[tuple[str, str, bytes]] = []
        self.sent: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        """Events that the open stream sends next; None ends it."""
        self.streams = math.inf
        """How many streams may still be opened; a further one is refused, which ends a watch."""
        self.age_seconds: float | None = None
        """The age of a snapshot's figures."""
        self.url = ""
        self.closes = False
        """Whether each connection is closed after its response, as some proxies do."""
        self.clusters: tuple[str, ...] = (cluster.NAME,)
        """The clusters that a 404 names."""

    def answer(self, path: str, query: dict[str, str], namespaced: bool) -> tuple[int, Any]:
        """Return the HTTP status, and the data or the message of an error."""
        if path == "/api/v1/access":
            return 200, cluster.ACCESS
        if query.get("cluster", cluster.NAME) not in self.clusters:
            return 404, "Cluster not found"
        if namespaced and query.get("namespace") != "research":
            return 403, "Forbidden: needs get on realtime.lens in the whole cluster"
        head = {"cluster": cluster.NAME, "timestamp": cluster.TIMESTAMP}
        here = [task for task in cluster.TASKS if query.get("namespace") in (None, task["namespace"])]
        waiting = [task for task in cluster.PENDING if query.get("namespace") in (None, task["namespace"])]
        match path.removeprefix(REALTIME):
            case "/api/v1/clusters":
                row = {
                    "name": cluster.NAME,
                    "local": True,
                    "status": "ok",
                    "age_seconds": 0.4,
                    "totals": None,
                }
                return 200, {"clusters": [row]}
            case "/status":
                data: dict[str, Any] = {
                    **head,
                    **cluster.FIGURES,
                    "freshness": cluster.FRESHNESS,
                    "fit_record": None,
                }
                include = query.get("include", "").split(",")
                data |= {"alerts": cluster.ALERTS} if "alerts" in include else {}
                data |= {"namespaces": cluster.NAMESPACES} if "namespaces" in include else {}
                data |= {"no_node_gpus": cluster.NO_NODE_GPUS} if "no_node" in include else {}
                data |= {"recent_events": cluster.EVENTS} if "events" in include else {}
                return 200, data
            case "/nodes":
                rows = cluster.NODES[: int(query.get("limit", 1000))]
                return 200, {**head, "total_nodes": len(cluster.NODES), "nodes": rows, "continue": None}
            case "/running-tasks":
                return 200, {**head, "total_tasks": len(here), "tasks": here, "continue": None}
            case "/pending-tasks":
                return 200, {**head, "total_tasks": len(waiting), "tasks": waiting, "continue": None}
            case "/fit":
                return 200, cluster.FIT_YES if query.get("gpus") == "1" else cluster.FIT_NO
            case "/nodes/gpu-node-1":
                return 200, {**head, "node": cluster.NODES[0], "telemetry": None, "gpus": cluster.GPUS}
            case "/nodes/gpu-node-5":
                return 200, {**head, "node": cluster.NODES[4], "telemetry": None, "gpus": []}
        return 404, "Node not found"

    def snapshot(self, sections: list[str]) -> dict[str, Any]:
        """Return a stream's first event."""
        rows = {
            "status": ("status", cluster.FIGURES),
            "nodes": ("nodes", cluster.NODES),
            "tasks": (
                "tasks",
                [{k: v for k, v in row.items() if k != "running_time_seconds"} for row in cluster.TASKS],
            ),
            "alerts": ("alerts", cluster.ALERTS),
            "events": ("recent_events", cluster.EVENTS),
        }
        return {
            "cluster": cluster.NAME,
            "timestamp": cluster.TIMESTAMP,
            **({} if self.age_seconds is None else {"age_seconds": self.age_seconds}),
            **dict(rows[section] for section in sections),
        }

    def send(self, kind: str, data: dict[str, Any], number: int = 2) -> None:
        """Send an event on the stream that is open, or is opened next."""
        self.sent.put(_event(kind, data, number))


@contextmanager
def running() -> Iterator[FakeLens]:
    """Run a server on a port that the system picks."""
    lens = FakeLens()

    class Handler(_Handler):
        fake = lens

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    lens.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield lens
    finally:
        lens.sent.put(None)
        server.shutdown()
        server.server_close()
        thread.join()


def _event(kind: str, data: dict[str, Any], number: int) -> bytes:
    return f"event: {kind}\nid: e-{number}\ndata: {json.dumps(data)}\n\n".encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeLens

    def do_GET(self) -> None:
        """Answer."""
        self._respond(b"")

    def do_POST(self) -> None:
        """Answer."""
        self._respond(self.rfile.read(int(self.headers["Content-Length"])))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the moment of the cluster."""
        return cluster.DATE

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""

    def _respond(self, body: bytes) -> None:
        url = urlsplit(self.path)
        query = {name: ",".join(values) for name, values in parse_qs(url.query).items()}
        self.fake.requests.append((self.command, self.path, body))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if url.path == "/openapi.json":
            self._write(200, json.dumps({"info": {"version": "0.1.0"}}).encode())
        elif token not in (TOKEN, NAMESPACED_TOKEN):
            self._envelope(401, "Unauthorized")
        elif url.path in self.fake.answers:
            self._envelope(*self.fake.answers[url.path])
        elif url.path == f"{REALTIME}/stream" and (token == TOKEN or "namespace" in query):
            self._stream(query.get("include", "").split(","))
        else:
            status, data = self.fake.answer(url.path, query, token == NAMESPACED_TOKEN)
            self._envelope(status, data)

    def _stream(self, sections: list[str]) -> None:
        self.fake.streams -= 1
        if self.fake.streams < 0:
            self._envelope(403, "Forbidden")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        written: bytes | None = _event("snapshot", self.fake.snapshot(sections), 1)
        while written is not None:
            try:
                self.wfile.write(written)
                self.wfile.flush()
            except OSError:
                return
            written = self.fake.sent.get()

    def _envelope(self, status: int, data: Any) -> None:
        ok = status == 200
        meta = {"code": 2000 if ok else status * 10 + 1, "message": "OK" if ok else data}
        if status == 404 and data == "Cluster not found":
            meta["clusters"] = list(self.fake.clusters)
        self._write(status, json.dumps({"meta": meta, "data": data if ok else None}).encode())

    def _write(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.fake.closes:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
