"""Prometheus and promtool, as the distribution packages them."""

import json
import math
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests import required

DEADLINE_S = 60.0


def promtool(*args: str | Path) -> str:
    """Run promtool; return what it printed. Raise AssertionError if it finds something wrong."""
    done = subprocess.run([required.program("promtool"), *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until(
    condition: Callable[[], bool],
    what: str,
    seconds: float = DEADLINE_S,
    instead: Callable[[], object] = lambda: "",
) -> None:
    """Look until a condition holds. Raise AssertionError past the deadline: what there is ``instead``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds:g} s: {what} {instead()}"
        time.sleep(0.25)


Sample = tuple[dict[str, str], float]


class Prometheus:
    """A Prometheus of its own, with its data in `folder`. Ends with the block."""

    def __init__(self, config: dict[str, Any], folder: Path) -> None:
        self._log = folder / "prometheus.log"
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        command = [
            *(str(required.program("prometheus")), f"--config.file={folder}/prometheus.yml"),
            *(f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0"),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._base = ""

    def __enter__(self) -> Self:
        try:
            until(lambda: self._process.poll() is not None or self._listening(), "Prometheus listens")
        except BaseException:
            self._end()
            raise
        assert self._process.poll() is None, self._log.read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listening(self) -> bool:
        match = re.search(r'"Listening on" address=(\S+)', self._log.read_text())
        if match is None:
            return False
        self._base = f"http://{match[1]}"
        try:
            with urllib.request.urlopen(f"{self._base}/-/ready", timeout=5):
                return True
        except urllib.error.HTTPError:
            return False

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer of its API. Raise AssertionError with what it says instead."""
        url = f"{self._base}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from error

    def query(self, expr: str) -> list[Sample]:
        """Return the present samples of a query, without those that are no number."""
        found = [
            (each["metric"], float(each["value"][1])) for each in self.get("query", query=expr)["result"]
        ]
        return [(labels, value) for labels, value in found if not math.isnan(value)]

    def wait_for(self, expr: str, what: str, value: float | None = None) -> None:
        """Wait until a query has samples, and where a value is given until one of them has it."""

        def there() -> bool:
            found = self.query(expr)
            return bool(found) if value is None else value in {each for _, each in found}

        until(there, f"{what}: {expr}")

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fire or wait for it."""
        found: list[dict[str, Any]] = self.get("alerts")["alerts"]
        return found

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        return {each["labels"]["alertname"] for each in self.alerts() if each["state"] == "firing"}
